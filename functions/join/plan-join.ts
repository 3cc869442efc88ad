import type { Column, Note } from '#shared/contracts/shared-schemas.ts';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import type { JoinConfig } from '#shared/manifest/manifest.ts';
import { namesForColumns } from '#shared/contracts/column-names.ts';
import { MAX_POSTGRES_COLUMNS, RESERVED_COLUMNS } from '#shared/postgis/run-schema.ts';
import { assetLabel, type JoinAssets } from './find-assets.ts';

/** A column to read from an asset, with its name in the result; undefined for a key that is not kept. */
export interface JoinColumn extends Column {
  as: string | undefined;
}

export interface JoinPlan {
  /** The attribute columns of the spatial asset. */
  spatial: JoinColumn[];
  geometry: Column;
  tabular: JoinColumn[];
  /** Positions of the keys in `spatial` and `tabular`. */
  leftKey: number;
  rightKey: number;
  notes: Note[];
}

/** Attributes of the result. The table has two more columns: the key column and the geometry. */
const MAX_ATTRIBUTES = MAX_POSTGRES_COLUMNS - 2;

/**
 * Selects the columns to read from both assets, and their names in the result. Columns of the spatial asset keep their
 * names; a column of the table whose name is in use gets the prefix. Throws JOIN_COLUMN_MISSING with the existing
 * columns, TOO_MANY_COLUMNS.
 */
export function planJoin(config: JoinConfig, { spatial, tabular }: JoinAssets, geometryColumn: string): JoinPlan {
  const attributes = spatial.columns.filter((column) => column.type !== 'geometry');
  const geometry = spatial.columns.find((column) => column.type === 'geometry') ?? {
    name: geometryColumn,
    type: 'geometry',
  };
  const leftKey = columnOf(config.left_key, attributes, 'left_key', assetLabel(spatial));
  const rightKey = columnOf(config.right_key, tabular.columns, 'right_key', assetLabel(tabular));
  const kept = keptColumns(config, tabular.columns, assetLabel(tabular));
  if (attributes.length + kept.length > MAX_ATTRIBUTES) {
    throw new SluiceError(
      'TOO_MANY_COLUMNS',
      `The assets have ${attributes.length} and ${kept.length} columns; a joined asset can have at most ` +
        `${MAX_ATTRIBUTES}. List the columns to keep in metadata.join_config.columns.`,
      { details: { limit: MAX_ATTRIBUTES } },
    );
  }
  const { names, notes } = resultNames(attributes, kept, config.prefix, geometryColumn);
  const read = kept.includes(rightKey) ? kept : [rightKey, ...kept];
  return {
    spatial: attributes.map((column, index) => ({ ...column, as: names[index] })),
    geometry,
    tabular: read.map((column) => ({
      ...column,
      as: kept.includes(column) ? names[attributes.length + kept.indexOf(column)] : undefined,
    })),
    leftKey: attributes.indexOf(leftKey),
    rightKey: read.indexOf(rightKey),
    notes,
  };
}

function columnOf(name: string, columns: readonly Column[], field: string, asset: string): Column {
  const found = columns.find((column) => column.name === name);
  if (found !== undefined) return found;
  const names = columns.map((column) => column.name);
  const listed = names.map((each) => JSON.stringify(each)).join(', ');
  throw new SluiceError(
    'JOIN_COLUMN_MISSING',
    `metadata.join_config.${field}: ${asset} has no column ${JSON.stringify(name)}. ` +
      (names.length === 0 ? 'It has no columns.' : `Its columns are ${listed}.`),
    { details: { field: `metadata.join_config.${field}`, column: name, columns: names } },
  );
}

/** All columns by default, except a right key with the name of the left key, because both have the same values. */
function keptColumns(config: JoinConfig, columns: readonly Column[], asset: string): Column[] {
  if (config.columns === undefined)
    return columns.filter((column) => column.name !== config.right_key || config.left_key !== config.right_key);
  return [...new Set(config.columns)].map((name) => columnOf(name, columns, 'columns', asset));
}

function resultNames(
  attributes: readonly Column[],
  kept: readonly Column[],
  prefix: string,
  geometryColumn: string,
): { names: string[]; notes: Note[] } {
  const spatialNames = attributes.map((column) => column.name);
  const taken = new Set([...spatialNames, geometryColumn, ...RESERVED_COLUMNS].map((name) => name.toLowerCase()));
  const wanted = kept.map(({ name }) => (taken.has(name.toLowerCase()) ? `${prefix}${name}` : name));
  const { names } = namesForColumns([...spatialNames, ...wanted], [...RESERVED_COLUMNS, geometryColumn], '');
  const notes = [...attributes, ...kept].flatMap(({ name: source }, index): Note[] => {
    const name = names[index] ?? source;
    if (name === source) return [];
    const side = index < attributes.length ? 'the spatial asset' : 'the table';
    return [
      {
        code: 'COLUMN_RENAMED',
        column: name,
        message:
          `Column ${JSON.stringify(source)} of ${side} was renamed to ${JSON.stringify(name)}: ` +
          'its name is already used, reserved or too long.',
      },
    ];
  });
  return { names, notes };
}
