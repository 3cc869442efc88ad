import { expect, test } from 'vitest';
import { RASTER_FORMATS } from '#shared/formats/raster-formats.ts';
import { TABLE_FORMATS } from '#shared/formats/table-formats.ts';
import { VECTOR_FORMATS } from '#shared/formats/vector-formats.ts';
import { type Lane, LANES } from '#shared/contracts/lanes.ts';
import { fieldsWithoutEffect } from './field-effects.ts';
import { laneOf } from './choose-lane.ts';
import { type Manifest, ManifestFileSchema, ManifestMetadataSchema, ManifestSchema } from './manifest.ts';

const FORMATS = { vector: VECTOR_FORMATS, raster: RASTER_FORMATS, tabular: TABLE_FORMATS };
const JOIN = { spatial_asset_id: 'dataset:a', tabular_asset_id: 'dataset:b', left_key: 'x', right_key: 'y' };

function manifestOf(files: unknown[], metadata: Record<string, unknown> = {}, intent = 'my_intent'): Manifest {
  const join = intent === 'join_datasets' ? { join_config: JOIN } : {};
  return ManifestSchema.parse({ batch_id: 'b', uploader: 'ana', intent, files, metadata: { ...join, ...metadata } });
}

const unused = (manifest: Manifest) => fieldsWithoutEffect(manifest, laneOf(manifest)).map(({ field }) => field);

/** All formats of all lanes, as `vector GPKG`. */
const ALL_FORMATS = Object.entries(FORMATS).flatMap(([type, formats]) => formats.map(({ name }) => `${type} ${name}`));
const only = (...names: string[]) => names;
const except = (...names: string[]) => ALL_FORMATS.filter((name) => !names.includes(name));
const ofLane = (lane: string) => ALL_FORMATS.filter((name) => name.startsWith(`${lane} `));

/** The formats in which each field of a file has an effect. */
const EFFECTIVE_IN_FILES: Record<string, string[]> = {
  crs: [...ofLane('vector'), ...ofLane('raster')],
  layer: except(
    ...['vector ESRI Shapefile', 'vector CSV', 'raster AAIGrid', 'raster EHdr', 'raster PNG', 'raster JPEG'],
    ...['tabular CSV', 'tabular TSV', 'tabular JSONL'],
  ),
  encoding: only(
    ...['vector ESRI Shapefile', 'vector GeoJSON', 'vector GeoJSONSeq', 'vector CSV'],
    ...['vector MapInfo File', 'vector MIF'],
    ...['tabular CSV', 'tabular TSV', 'tabular JSONL'],
  ),
  x_column: ['vector CSV'],
  y_column: ['vector CSV'],
  wkt_column: ['vector CSV'],
};

const fileOf = (format: string, fields: Record<string, string> = {}, name = 'a') => {
  const [type, ...rest] = format.split(' ');
  return { path: `s3://landing-zone/b/${name}`, type, format: rest.join(' '), ...fields };
};

test.each(Object.entries(EFFECTIVE_IN_FILES))('files[].%s has an effect only in some formats', (field, formats) => {
  for (const format of ALL_FORMATS)
    expect(unused(manifestOf([fileOf(format, { [field]: 'EPSG:4326' })])), format).toEqual(
      formats.includes(format) ? [] : [`files[0].${field}`],
    );
});

const DELIMITED = ['tabular CSV', 'tabular TSV', 'vector CSV'];

/** A value for each parameter, and the formats or lanes in which it has an effect. */
const EFFECTIVE_PARAMETERS: [object: string, values: Record<string, unknown>, effective: string[]][] = [
  ['recipe', { simplify_tolerance: 1, target_crs: 'EPSG:3857', coordinate_precision: 2 }, ofLane('vector')],
  ['recipe', { steps: [{ step: 'explode' }] }, ofLane('vector')],
  ['join_config', JOIN, ['join']],
  ['join_config', { ...JOIN, how: 'inner', columns: ['a'], prefix: 'p', allow_duplicate_keys: true }, ['join']],
  ['raster', { target_crs: 'EPSG:3857', resampling: 'mode', categorical: true }, ofLane('raster')],
  ['raster', { nodata: 0, compression: 'lzw', mosaic: true }, ofLane('raster')],
  ...[
    { delimiter: ';' },
    { decimal_separator: ',' },
    { thousands_separator: ',' },
    { percent: true },
    { date_format: 'DD.MM.YYYY' },
    { comment: '#' },
    { quotes: false },
  ].map((values): (typeof EFFECTIVE_PARAMETERS)[number] => ['tabular', values, DELIMITED]),
  ['tabular', { skip_lines: 2 }, [...DELIMITED, 'tabular XLSX', 'tabular ODS']],
  ['tabular', { header: false }, [...DELIMITED, 'tabular XLSX', 'tabular ODS']],
  ['tabular', { null_values: ['NA'] }, [...DELIMITED, 'tabular XLSX', 'tabular ODS']],
  ['tabular', { sheet: 'S' }, ['tabular XLSX', 'tabular ODS']],
  ['tabular', { columns: { a: 'text' }, max_rejected_rows: 0 }, [...ofLane('tabular'), 'vector CSV']],
];

test.each(EFFECTIVE_PARAMETERS)('metadata.%s %j has an effect only in some formats', (object, values, effective) => {
  for (const format of [...ALL_FORMATS, 'join']) {
    const manifest =
      format === 'join'
        ? manifestOf([], { [object]: values }, 'join_datasets')
        : manifestOf([fileOf(format)], { [object]: values });
    const hasLane =
      format.split(' ')[0] === effective[0]?.split(' ')[0] || (object === 'tabular' && format === 'vector CSV');
    const fields = hasLane ? Object.keys(values).map((name) => `metadata.${object}.${name}`) : [`metadata.${object}`];
    expect(unused(manifest), format).toEqual(effective.includes(format) ? [] : fields);
  }
});

test('the tables above list every optional field of a manifest', () => {
  const optional = Object.keys(ManifestFileSchema.shape).filter((name) => !['path', 'type', 'format'].includes(name));
  expect(Object.keys(EFFECTIVE_IN_FILES).sort()).toEqual(optional.sort());
  const common = ['project', 'description', 'tags', 'time', 'force', 'keep_versions'];
  const listed = new Set(EFFECTIVE_PARAMETERS.map(([object]) => object));
  expect([...common, ...listed].sort()).toEqual(Object.keys(ManifestMetadataSchema.shape).sort());
  for (const object of ['recipe', 'join_config', 'raster', 'tabular'] as const) {
    const values = EFFECTIVE_PARAMETERS.flatMap(([name, given]) => (name === object ? Object.keys(given) : []));
    const fields = Object.keys(ManifestMetadataSchema.shape[object].unwrap().shape);
    expect([...new Set(values)].sort(), object).toEqual(fields.sort());
  }
});

test('fields without a condition have an effect in every lane', () => {
  const metadata = { project: 'P', description: 'D', tags: { a: 1 }, force: true, keep_versions: 3 };
  const ofLanes: Record<Lane, Manifest> = {
    vector: manifestOf([fileOf('vector GPKG')], metadata),
    raster: manifestOf([fileOf('raster GTiff')], metadata),
    tabular: manifestOf([fileOf('tabular CSV')], metadata),
    join: manifestOf([], metadata, 'join_datasets'),
  };
  for (const lane of LANES) expect(fieldsWithoutEffect(ofLanes[lane], lane)).toEqual([]);
});

test('`layer` selects a file of an archive in every format', () => {
  for (const format of ALL_FORMATS) expect(unused(manifestOf([fileOf(format, { layer: 'a' }, 'x.ZIP')]))).toEqual([]);
});

test('simplify_tolerance has no effect after all geometries became points', () => {
  const ofRecipe = (recipe: object, intent?: string) => unused(manifestOf([fileOf('vector GPKG')], { recipe }, intent));
  const field = ['metadata.recipe.simplify_tolerance'];
  expect(ofRecipe({ simplify_tolerance: 1 }, 'ingest_points_of_interest')).toEqual(field);
  expect(ofRecipe({ simplify_tolerance: 0 }, 'ingest_points_of_interest')).toEqual([]);
  expect(ofRecipe({ simplify_tolerance: 1, steps: [{ step: 'centroid' }] })).toEqual(field);
  expect(ofRecipe({ simplify_tolerance: 1, steps: [{ step: 'explode' }] })).toEqual([]);
});

test('wkt_column replaces x_column and y_column', () => {
  const fields = { x_column: 'x', y_column: 'y', wkt_column: 'g' };
  expect(fieldsWithoutEffect(manifestOf([fileOf('vector CSV', fields)]), 'vector')).toEqual(
    ['x_column', 'y_column'].map((name) => ({
      field: `files[0].${name}`,
      message: 'has no effect, because it applies only to vector files of format CSV without wkt_column',
    })),
  );
});

test('a table parameter has an effect if it applies to one of several files', () => {
  const files = [fileOf('tabular XLSX', { layer: 'A' }), fileOf('tabular CSV')];
  expect(unused(manifestOf(files, { tabular: { delimiter: ';' } }))).toEqual([]);
  expect(unused(manifestOf(files, { tabular: { sheet: 'B' } }))).toEqual(['metadata.tabular.sheet']);
  expect(unused(manifestOf([...files, fileOf('tabular ODS')], { tabular: { sheet: 'B' } }))).toEqual([]);
});

test('the fields of an unknown format are left to the error about the format', () => {
  const fields = { layer: 'a', encoding: 'UTF-8', x_column: 'x' };
  expect(unused(manifestOf([fileOf('vector ZX81', fields)], {}))).toEqual([]);
  expect(unused(manifestOf([fileOf('tabular ZX81', { encoding: 'UTF-8' })], { tabular: { sheet: 'S' } }))).toEqual([]);
});
