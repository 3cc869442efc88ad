import type { Note } from '#shared/contracts/facts.ts';
import { counted } from '#shared/text/amounts.ts';
import type { LayerField } from '#shared/gdal/layers.ts';
import type { Conversion } from '../load/convert-columns.ts';
import { mixedNote } from '../rows/table-reader.ts';
import type { JsonColumn } from './json-facts.ts';
import type { GeoJsonFacts } from './geojson-facts.ts';

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

/** Names in the note. */
const MAX_NAMED_MEMBERS = 5;

function droppedMembersNote({ droppedMembers, members }: GeoJsonFacts, file: string): Note[] {
  if (droppedMembers === 0) return [];
  const names = [...members.keys()].slice(0, MAX_NAMED_MEMBERS).map((name) => JSON.stringify(name));
  const listed = names.join(', ') + (members.size > names.length ? ', …' : '');
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
  const message = `${brokenTexts} texts have half of a character (an unpaired surrogate), which became "\uFFFD".`;
  return [{ code: 'VALUES_CHANGED', file, message }];
}
