import type { Lane } from '#shared/contracts/lanes.ts';
import { type FileFormat, isZipArchive } from '#shared/formats/format-list.ts';
import { RASTER_FORMAT_LIST } from '#shared/formats/raster-formats.ts';
import { TABLE_FORMAT_LIST, tableFormat } from '#shared/formats/table-formats.ts';
import { VECTOR_FORMAT_LIST, vectorFormat } from '#shared/formats/vector-formats.ts';
import type { Manifest, ManifestFile } from './manifest.ts';

/**
 * Where each field of a manifest has an effect. A field without an effect is an error, so that a user does not assume
 * that it was applied. The tables list every field, so that a new field cannot be forgotten.
 */

type Metadata = Manifest['metadata'];
type Parameters<K extends keyof Metadata> = NonNullable<Metadata[K]>;

interface Rule<Subject> {
  hasEffect: (subject: Subject) => boolean;
  /** Where the field has an effect, after "because it applies only to". */
  appliesTo: string;
}

/** The field has an effect wherever the field that contains it has one. */
const ALWAYS: Rule<unknown> = { hasEffect: () => true, appliesTo: '' };

const POINTS: Rule<ManifestFile> = {
  hasEffect: (file) => isPointCsv(file) && file.wkt_column === undefined,
  appliesTo: 'vector files of format CSV without wkt_column',
};

const FILE_FIELDS: Record<keyof ManifestFile, Rule<ManifestFile>> = {
  path: ALWAYS,
  type: ALWAYS,
  format: ALWAYS,
  crs: { hasEffect: ({ type }) => type !== 'tabular', appliesTo: 'vector and raster files' },
  layer: {
    hasEffect: (file) => isZipArchive(file.path) || formatOf(file)?.isSingleLayer !== true,
    appliesTo: 'archives, and formats with several layers in a file',
  },
  encoding: { hasEffect: readsEncoding, appliesTo: 'shapefiles, MapInfo files, GeoJSON, CSV, TSV and JSON lines' },
  x_column: POINTS,
  y_column: POINTS,
  wkt_column: { hasEffect: isPointCsv, appliesTo: 'vector files of format CSV' },
};

interface Subject {
  manifest: Manifest;
  lane: Lane;
}

/** Rule for parameters of one lane. */
function onlyIn(lane: Lane, appliesTo: string): Rule<Subject> {
  return { hasEffect: (subject) => subject.lane === lane, appliesTo };
}

/** Rule for parameters of tables. Some files of a batch can have another format. */
function someTable(matches: (file: ManifestFile, reader: string) => boolean, appliesTo: string): Rule<Subject> {
  return {
    hasEffect: ({ manifest }) =>
      manifest.files.some((file) => {
        const reader = tableReaderOf(file);
        return reader === undefined || matches(file, reader);
      }),
    appliesTo,
  };
}

const METADATA_FIELDS: Record<keyof Metadata, Rule<Subject>> = {
  project: ALWAYS,
  description: ALWAYS,
  tags: ALWAYS,
  time: ALWAYS,
  recipe: onlyIn('vector', 'vector files'),
  join_config: onlyIn('join', 'the intent join_datasets'),
  raster: onlyIn('raster', 'raster files'),
  tabular: {
    hasEffect: ({ manifest, lane }) => lane === 'tabular' || manifest.files.some(isPointCsv),
    appliesTo: 'tabular files, and vector files of format CSV',
  },
  force: ALWAYS,
  keep_versions: ALWAYS,
};

type ParameterRules = {
  [K in 'recipe' | 'join_config' | 'raster' | 'tabular']: Record<keyof Parameters<K>, Rule<Subject>>;
};

/** An intent and recipe steps after which all geometries are points. No step creates lines or polygons from points. */
const POINT_INTENT = 'ingest_points_of_interest';
const POINT_STEPS = ['centroid', 'point_on_surface'];

function leavesOnlyPoints({ intent, metadata }: Manifest): boolean {
  return intent === POINT_INTENT || (metadata.recipe?.steps ?? []).some(({ step }) => POINT_STEPS.includes(step));
}

const DELIMITED = someTable((_, reader) => reader === 'delimited', 'files of format CSV or TSV');

const PARAMETERS: ParameterRules = {
  recipe: {
    simplify_tolerance: {
      hasEffect: ({ manifest }) => manifest.metadata.recipe?.simplify_tolerance === 0 || !leavesOnlyPoints(manifest),
      appliesTo: 'recipes that do not replace all geometries by points',
    },
    target_crs: ALWAYS,
    coordinate_precision: ALWAYS,
    steps: ALWAYS,
  },
  join_config: {
    spatial_asset_id: ALWAYS,
    tabular_asset_id: ALWAYS,
    left_key: ALWAYS,
    right_key: ALWAYS,
    how: ALWAYS,
    columns: ALWAYS,
    prefix: ALWAYS,
    allow_duplicate_keys: ALWAYS,
  },
  raster: {
    target_crs: ALWAYS,
    resampling: ALWAYS,
    categorical: ALWAYS,
    nodata: ALWAYS,
    compression: ALWAYS,
    mosaic: ALWAYS,
  },
  tabular: {
    delimiter: DELIMITED,
    decimal_separator: DELIMITED,
    thousands_separator: DELIMITED,
    percent: DELIMITED,
    date_format: DELIMITED,
    header: someTable((_, reader) => reader !== 'json-lines', 'files of format CSV, TSV, XLSX or ODS'),
    skip_lines: someTable((_, reader) => reader !== 'json-lines', 'files of format CSV, TSV, XLSX or ODS'),
    comment: DELIMITED,
    quotes: DELIMITED,
    null_values: someTable((_, reader) => reader !== 'json-lines', 'files of format CSV, TSV, XLSX or ODS'),
    sheet: someTable(
      ({ layer }, reader) => reader === 'workbook' && layer === undefined,
      'workbooks for which `layer` names no sheet',
    ),
    columns: ALWAYS,
    max_rejected_rows: ALWAYS,
  },
};

/** Where a field, such as `files[].crs` or `metadata.tabular.sheet`, has an effect; undefined if it is everywhere. */
export function scopeOf(field: string): string | undefined {
  const [root, name, parameter] = field.split('.') as [string, string?, string?];
  const rules: Record<string, Record<string, Rule<never>>> = {
    'files[]': FILE_FIELDS,
    metadata: METADATA_FIELDS,
    ...PARAMETERS,
  };
  const table = parameter === undefined ? rules[root] : rules[name ?? ''];
  return table?.[parameter ?? name ?? '']?.appliesTo || undefined;
}

/** A field without an effect. `message` follows the name of the field in a sentence. */
export interface FieldWithoutEffect {
  field: string;
  message: string;
}

/** True if a field of a file has an effect. */
export function fileFieldHasEffect(name: keyof ManifestFile, file: ManifestFile): boolean {
  return FILE_FIELDS[name].hasEffect(file);
}

/** The fields of a manifest that have no effect. The fields of an object without an effect are not listed. */
export function fieldsWithoutEffect(manifest: Manifest, lane: Lane): FieldWithoutEffect[] {
  const subject = { manifest, lane };
  const parameters = Object.entries(PARAMETERS).flatMap(([name, rules]) => {
    const key = name as keyof typeof PARAMETERS;
    if (!METADATA_FIELDS[key].hasEffect(subject)) return [];
    return without(manifest.metadata[key] ?? {}, rules, subject, `metadata.${name}`);
  });
  return [
    ...manifest.files.flatMap((file, index) => without(file, FILE_FIELDS, file, `files[${index}]`)),
    ...without(manifest.metadata, METADATA_FIELDS, subject, 'metadata'),
    ...parameters,
  ];
}

function without<S>(values: object, rules: Record<string, Rule<S>>, subject: S, path: string): FieldWithoutEffect[] {
  return Object.entries(values).flatMap(([name, value]) => {
    const rule = rules[name];
    if (value === undefined || rule === undefined || rule.hasEffect(subject)) return [];
    return [{ field: `${path}.${name}`, message: `has no effect, because it applies only to ${rule.appliesTo}` }];
  });
}

/** The format of a file; undefined for an unknown one, which the step that reads the file rejects. */
function formatOf({ type, format }: Pick<ManifestFile, 'type' | 'format'>): FileFormat | undefined {
  return { vector: VECTOR_FORMAT_LIST, raster: RASTER_FORMAT_LIST, tabular: TABLE_FORMAT_LIST }[type].find(format);
}

function isPointCsv({ type, format }: ManifestFile): boolean {
  const found = type === 'vector' ? VECTOR_FORMAT_LIST.find(format) : undefined;
  return type === 'vector' && (found === undefined || found.name === 'CSV');
}

/** How a file is read as a table; undefined for an unknown format. */
function tableReaderOf(file: ManifestFile): string | undefined {
  const { type, format, path } = file;
  if (type === 'vector' && isPointCsv(file)) return 'delimited';
  return type === 'tabular' && TABLE_FORMAT_LIST.find(format) !== undefined
    ? tableFormat(format, path).reader
    : undefined;
}

function readsEncoding(file: ManifestFile): boolean {
  if (file.type === 'raster') return false;
  if (formatOf(file) === undefined) return true;
  return file.type === 'tabular'
    ? tableReaderOf(file) !== 'workbook'
    : vectorFormat(file.format, file.path).encoding !== 'in file';
}
