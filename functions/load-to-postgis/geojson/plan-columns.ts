import type { Note } from '#shared/contracts/shared-schemas.ts';
import { counted } from '#shared/text/amounts.ts';
import type { LayerField } from '#shared/gdal/layers.ts';
import type { Conversion } from '../staging/convert-columns.ts';
import { mixedNote } from '../readers/table-reader.ts';
import type { GeometryFacts } from './geometry-facts.ts';
import type { GeoJsonFacts, JsonColumn } from './json-facts.ts';

/** How GDAL's fields of a rewritten GeoJSON are copied. */
export interface JsonColumns {
  /** The types in PostgreSQL in which the texts are copied. */
  types: string[];
  conversions: Conversion[];
  notes: Note[];
}

export function planJsonColumns(facts: GeoJsonFacts, fields: readonly LayerField[], file: string): JsonColumns {
  const columns = fields.map(({ name }) => columnOf(facts, name));
  const mixed = fields.flatMap(({ name }, index) => (columns[index]?.isMixed ? [mixedNote(file, name)] : []));
  return {
    types: columns.map(({ copied }) => copied),
    conversions: columns.flatMap(({ array }, index) => (array === undefined ? [] : [{ index, ...array }])),
    notes: [
      ...mixed,
      ...hiddenIdsNote(facts, file),
      ...droppedMembersNote(facts, file),
      ...repeatedKeysNote(facts, file),
      ...brokenTextsNote(facts, file),
      ...geometryNotes(facts.geometries, file),
    ],
  };
}

/** GDAL adds the id of a feature as field `id`, and leaves it out where a property has this name. */
function columnOf({ properties, ids, members }: GeoJsonFacts, name: string): JsonColumn {
  const id = name === 'id' ? ids?.column() : undefined;
  const found = [properties.get(name)?.column(), id, members.get(name)?.column()].filter(
    (column) => column !== undefined,
  );
  const text: JsonColumn = { copied: 'character varying', isMixed: false };
  const [first = text, ...others] = found;
  return others.some(({ copied, array }) => copied !== first.copied || array?.type !== first.array?.type)
    ? text
    : first;
}

function hiddenIdsNote({ hiddenIds }: GeoJsonFacts, file: string): Note[] {
  if (hiddenIds === 0) return [];
  const message =
    `${hiddenIds} features have an id that differs from their property "id". The property is kept. ` +
    'Rename the property to keep both.';
  return [{ code: 'FEATURE_IDS_DROPPED', column: 'id', file, message }];
}

/** Largest number of member names in the note. */
const MAX_NAMED_MEMBERS = 5;

function droppedMembersNote({ droppedMembers, members, unreadMembers }: GeoJsonFacts, file: string): Note[] {
  if (droppedMembers === 0) return [];
  const all = [...members.keys(), ...unreadMembers];
  const names = all.slice(0, MAX_NAMED_MEMBERS).map((name) => JSON.stringify(name));
  const listed = names.join(', ') + (all.length > names.length ? ', …' : '');
  const message =
    `${droppedMembers} features have members besides their properties, which were dropped: ${listed}. ` +
    'Move them into "properties" to keep them.';
  return [{ code: 'MEMBERS_DROPPED', file, message }];
}

function repeatedKeysNote({ repeatedKeys: { features, first } }: GeoJsonFacts, file: string): Note[] {
  if (features === 0) return [];
  const message =
    `${counted(features, 'feature')} ${features === 1 ? 'has' : 'have'} a key twice, ` +
    `of which the last value was kept. The first is ${JSON.stringify(first)}. Give each key of a feature another name.`;
  return [{ code: 'KEYS_REPEATED', file, message }];
}

function brokenTextsNote({ brokenTexts }: GeoJsonFacts, file: string): Note[] {
  if (brokenTexts === 0) return [];
  const message = `${brokenTexts} strings contain an unpaired surrogate, which was replaced by "\uFFFD".`;
  return [{ code: 'VALUES_CHANGED', file, message }];
}

function geometryNotes({ longPositions, mixedHeights, foreign }: GeometryFacts, file: string): Note[] {
  const note = (code: string, count: number, message: string) => (count === 0 ? [] : [{ code, file, message }]);
  return [
    ...note(
      'COORDINATES_DROPPED',
      longPositions,
      `${counted(longPositions, 'position')} ${longPositions === 1 ? 'has' : 'have'} more than three numbers. Only ` +
        'longitude, latitude and height were kept (RFC 7946). Move other values into "properties" to keep them.',
    ),
    ...note(
      'HEIGHTS_ADDED',
      mixedHeights,
      `${mixedHeights} geometries have positions with and without heights. The missing heights are 0.`,
    ),
    ...note(
      'MEMBERS_DROPPED',
      foreign.geometries,
      `${foreign.geometries} geometries have members that were dropped. ` +
        `The first is ${JSON.stringify(foreign.first)}. Move them into "properties" to keep them.`,
    ),
  ];
}
