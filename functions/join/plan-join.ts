import { SluiceError } from '#shared/errors/sluice-error.ts';
import type { JoinConfig } from '#shared/manifest/manifest.ts';
import { namesForColumns } from '#shared/postgis/column-names.ts';
import type { Column, Note } from '#shared/contracts/facts.ts';
import { RESERVED_COLUMNS } from '#shared/postgis/run-schema.ts';
import { describeAsset, type JoinAssets } from './find-assets.ts';
import { checkKeyTypes } from './key-types.ts';

/** A column that is read of an asset, and what it is called in the result; undefined for a key that is not kept. */
export interface JoinColumn extends Column {
  as: string | undefined;
}

export interface JoinPlan {
  /** Attributes of the spatial asset. */
  spatial: JoinColumn[];
  geometry: Column;
  tabular: JoinColumn[];
  /** Positions of the keys in `spatial` and `tabular`. */
  leftKey: number;
  rightKey: number;
  notes: Note[];
}

/** PostgreSQL holds 1,600; the key column and the geometry are two of them. */
const MAX_COLUMNS = 1598;

/**
 * What is read of both assets, and how its columns are called. The spatial asset keeps its names; a column of the table whose name is taken gets
 * the prefix. Throws JOIN_COLUMN_MISSING with the columns that there are, JOIN_KEY_TYPE_MISMATCH, TOO_MANY_COLUMNS.
 */
export function planJoin(config: JoinConfig, { spatial, tabular }: JoinAssets, geometryColumn: string): JoinPlan {
  const attributes = spatial.columns.filter((column) => column.type !== 'geometry');
  const geometry = spatial.columns.find((column) => column.type === 'geometry') ?? {
    name: geometryColumn,
    type: 'geometry',
  };
  const leftKey = columnOf(config.left_key, attributes, 'left_key', describeAsset(spatial));
  const rightKey = columnOf(config.right_key, tabular.columns, 'right_key', describeAsset(tabular));
  checkKeyTypes(leftKey, rightKey);
  const kept = keptColumns(config, tabular.columns, describeAsset(tabular));
  if (attributes.length + kept.length > MAX_COLUMNS) {
    throw new SluiceError(
      'TOO_MANY_COLUMNS',
      `The assets have ${attributes.length} and ${kept.length} columns; together at most ${MAX_COLUMNS} can be held. Name those to keep in metadata.join_config.columns.`,
      { details: { limit: MAX_COLUMNS } },
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
  throw new SluiceError(
    'JOIN_COLUMN_MISSING',
    `metadata.join_config.${field} names ${JSON.stringify(name)}, which is no column of ${asset}. It has ${names.map((known) => JSON.stringify(known)).join(', ') || 'none'}.`,
    {
      details: { field: `metadata.join_config.${field}`, column: name, columns: names },
    },
  );
}

/** Without a choice, all: but a key that is called the same on both sides would say the same twice. */
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
  const taken = new Set(
    [...attributes.map((column) => column.name), geometryColumn, ...RESERVED_COLUMNS].map((name) => name.toLowerCase()),
  );
  const wanted = kept.map(({ name }) => (taken.has(name.toLowerCase()) ? `${prefix}${name}` : name));
  const { names } = namesForColumns(
    [...attributes.map((column) => column.name), ...wanted],
    [...RESERVED_COLUMNS, geometryColumn],
    '',
  );
  const sources = [...attributes, ...kept];
  const notes = sources.flatMap(({ name: source }, index): Note[] => {
    const name = names[index] ?? source;
    if (name === source) return [];
    const side = index < attributes.length ? 'the spatial asset' : 'the table';
    return [
      {
        code: 'COLUMN_RENAMED',
        column: name,
        message: `Column ${JSON.stringify(source)} of ${side} is called ${JSON.stringify(name)}, because its name is taken or too long.`,
      },
    ];
  });
  return { names, notes };
}
