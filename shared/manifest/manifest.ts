import { RecipeParametersSchema } from '#shared/recipes/parameters/recipe-parameters.ts';
import { z } from 'zod';
import { textProblem, visibleText } from '#shared/text/visible-text.ts';
import { MAX_DATASET_ID_BYTES, ROOT_KEY } from '#shared/contracts/object-keys.ts';
import { DATE_FORMATS, DECLARABLE_TYPES, THOUSANDS_SEPARATORS } from '#shared/contracts/column-types.ts';
import { EpsgCodeSchema } from '#shared/contracts/epsg-codes.ts';
import { FILE_TYPES } from '#shared/contracts/lanes.ts';
import type { DataTime } from '#shared/contracts/shared-schemas.ts';
import { MAX_POSTGRES_COLUMNS } from '#shared/postgis/run-schema.ts';

/**
 * The manifest, which a user uploads to `landing-zone/manifests/` after the files.
 * Unknown fields are errors, so that typing mistakes are found. Free values belong in `metadata.tags`.
 * docs/manifest.md and docs/manifest.schema.json are generated from these schemas and their descriptions.
 */

/** The name of a layer, sheet or column, as it is in a file. It can contain any character except control characters. */
const nameInFile = (max: number) =>
  z
    .string()
    .min(1)
    .max(max)
    .regex(/^[^\u0000-\u001f\u007f]*$/, 'must not contain control characters');

/** A dataset id. It is the first part of the keys of the dataset's objects in the lake. */
export const DATASET_ID = z
  .string()
  .refine((id) => id === '' || textProblem(id, { identifier: true }) === undefined, {
    error: ({ input }) => textProblem(input as string, { identifier: true }),
    abort: true,
  })
  .regex(
    /^[\p{L}\p{N}][\p{L}\p{N}._-]{0,99}$/u,
    'must be 1 to 100 letters, digits, ".", "_" or "-", and start with a letter or digit',
  )
  .refine(
    (id) => Buffer.byteLength(id) <= MAX_DATASET_ID_BYTES,
    `must be at most ${MAX_DATASET_ID_BYTES} bytes of UTF-8, because file names start with it`,
  )
  .refine((id) => id.toLowerCase() !== ROOT_KEY, `must not be "${ROOT_KEY}", which is the key of the root catalog`);

export const ManifestFileSchema = z.strictObject({
  path: z.string().min(1).max(2048).describe('The object, as `s3://landing-zone/KEY`. The key is not percent-encoded.'),
  type: z.enum(FILE_TYPES).describe('Kind of data in the file. All files of a manifest must have the same type.'),
  format: visibleText(64).describe('Name of the format, such as `ESRI Shapefile`. docs/formats.md lists them.'),
  crs: z
    .string()
    .min(1)
    .max(8192)
    .optional()
    .describe('Coordinate reference system: `EPSG:n`, `OGC:CRS84` or WKT. It replaces the one in the file.'),
  layer: nameInFile(256).optional().describe('The layer to read. Required if the file has more than one.'),
  encoding: visibleText(32)
    .optional()
    .describe('Encoding of the text, such as `ISO-8859-1`, if the file does not declare it or declares it wrongly.'),
  x_column: nameInFile(128).optional().describe('Column with the x coordinate (longitude, easting).'),
  y_column: nameInFile(128).optional().describe('Column with the y coordinate (latitude, northing).'),
  wkt_column: nameInFile(128).optional().describe('Column with the geometry as WKT.'),
});
export type ManifestFile = z.infer<typeof ManifestFileSchema>;

/** Prefix of a reference to the newest version of a dataset, in place of an asset id. */
export const DATASET_PREFIX = 'dataset:';

export const JoinConfigSchema = z.strictObject({
  spatial_asset_id: z
    .string()
    .min(1)
    .max(128)
    .describe('Id of a spatial asset, or `dataset:NAME` for the newest version of a dataset.'),
  tabular_asset_id: z
    .string()
    .min(1)
    .max(128)
    .describe('Id of a tabular asset, or `dataset:NAME` for the newest version of a dataset.'),
  left_key: nameInFile(128).describe('Key column of the spatial asset.'),
  right_key: nameInFile(128).describe('Key column of the tabular asset.'),
  how: z
    .enum(['left', 'inner'])
    .default('left')
    .describe('`left` keeps features without a matching row, `inner` omits them.'),
  columns: z
    .array(nameInFile(128))
    .max(MAX_POSTGRES_COLUMNS)
    .optional()
    .describe('Columns of the table to keep. Default: all, except a key column that has the same name on both sides.'),
  prefix: visibleText(32)
    .default('t_')
    .describe('Prefix for columns of the table whose name the spatial asset also has.'),
  allow_duplicate_keys: z
    .boolean()
    .default(false)
    .describe('If true, a feature is repeated for each table row with its key. If false, repeated keys are an error.'),
});
export type JoinConfig = z.infer<typeof JoinConfigSchema>;

/** Conversion of rasters to Cloud Optimized GeoTIFFs. */
export const RasterParametersSchema = z.strictObject({
  target_crs: EpsgCodeSchema.optional().describe('Coordinate reference system of the asset, as `EPSG:n`.'),
  resampling: z
    .enum(['nearest', 'bilinear', 'cubic', 'average', 'mode', 'lanczos'])
    .optional()
    .describe(
      'Method for reprojection and overviews. Default: nearest for categorical data, else bilinear and average.',
    ),
  categorical: z
    .boolean()
    .optional()
    .describe(
      'True for classes such as land cover, whose values must not be averaged. Default: true for bands with a palette.',
    ),
  nodata: z.number().optional().describe('The nodata value. It replaces the one in the file.'),
  compression: z.enum(['deflate', 'zstd', 'lzw']).optional().describe('Compression of the asset.'),
  mosaic: z
    .boolean()
    .default(false)
    .describe('If true, all files become one asset. If false, each file becomes an asset.'),
});

/** Titles above a table are a few lines. */
const MAX_SKIPPED_LINES = 1_000;

/** How tables, and CSV files of features, are read. Values that are not given are detected. */
export const TabularParametersSchema = z
  .strictObject({
    delimiter: z
      .string()
      .regex(/^[\t !#-/:-@[-`{-~]$/, 'must be a tab or one ASCII character that is not a letter, digit or quote')
      .optional()
      .describe('Character between two values: a tab, or an ASCII character that is not a letter, digit or quote.'),
    decimal_separator: z.enum(['.', ',']).optional().describe('Decimal separator of numbers.'),
    thousands_separator: z
      .enum(THOUSANDS_SEPARATORS)
      .optional()
      .describe('Separator of thousands in numbers. A space also matches no-break spaces.'),
    percent: z
      .boolean()
      .optional()
      .describe('True if numbers can end in `%`. The sign is removed: `12.5 %` becomes 12.5.'),
    date_format: z
      .enum(DATE_FORMATS)
      .optional()
      .describe('How dates are written, in addition to `2024-01-31`. Days and months can have one digit.'),
    header: z
      .boolean()
      .optional()
      .describe('True if the first line holds the names of the columns, false if it is data.'),
    skip_lines: z
      .number()
      .int()
      .min(0)
      .max(MAX_SKIPPED_LINES)
      .optional()
      .describe('Number of lines, or rows of a sheet, to skip at the beginning, such as titles.'),
    comment: z
      .string()
      .regex(/^[!#$%&*;@~]$/, 'must be one of ! # $ % & * ; @ ~')
      .optional()
      .describe('Lines that begin with this character are skipped.'),
    quotes: z
      .boolean()
      .optional()
      .describe('Whether values can be in double quotes. Default: true for CSV, false for TSV.'),
    null_values: z
      .array(z.string().max(64))
      .max(20)
      .optional()
      .describe('Unquoted texts that mean "no value", in addition to the empty field.'),
    sheet: nameInFile(128).optional().describe('Sheet of a workbook. Default: the first.'),
    columns: z
      .record(z.string().min(1).max(128), z.enum(DECLARABLE_TYPES))
      .optional()
      .describe('Types of columns. They override the detected types.'),
    max_rejected_rows: z
      .number()
      .int()
      .min(0)
      .optional()
      .describe(
        'The run fails if more rows are rejected. Default: 10 rows, but at most half of all rows; or 1 % of the ' +
          'rows if that is more.',
      ),
  })
  .refine(({ decimal_separator = '.', thousands_separator }) => decimal_separator !== thousands_separator, {
    path: ['thousands_separator'],
    error: 'must differ from decimal_separator, which is "." by default',
  });

/** `metadata.tabular` of the manifest. */
export type TabularParameters = z.infer<typeof TabularParametersSchema>;

const TimeSchema = z.union(
  [z.iso.date(), z.iso.datetime({ offset: true })],
  'must be a date such as 2024-05-31, or a time with its offset from UTC such as 2024-05-31T12:00:00Z',
);

/** The time of the data, as the catalog shows it. */
export const DataTimeParametersSchema = z
  .strictObject({
    start: TimeSchema.describe(
      'Beginning: a date, or a time with its offset from UTC, such as `2024-05-31T12:00:00Z`.',
    ),
    end: TimeSchema.optional().describe('End, inclusive. Default: `start`; for a date, the end of this day.'),
  })
  .refine((time) => dataTimeOf(time).start <= dataTimeOf(time).end, 'must have an end that is not before its start');

/** The declared time in UTC. A date means the whole day. */
export function dataTimeOf({ start, end = start }: { start: string; end?: string | undefined }): DataTime {
  const utc = (text: string, timeOfDay: string) =>
    new Date(text.includes('T') ? text : `${text}T${timeOfDay}`).toISOString();
  return { start: utc(start, '00:00:00Z'), end: utc(end, '23:59:59Z'), source: 'manifest' };
}

/** A larger number has no effect. */
const MAX_KEEP_VERSIONS = 100_000;
export const KeepVersionsSchema = z.number().int().min(1).max(MAX_KEEP_VERSIONS);

/** Invisible texts in tags that are reported. 1 MiB of tags can have 300,000. */
const MAX_INVISIBLE_TEXTS = 100;

interface InvisibleText {
  path: PropertyKey[];
  message: string;
}

/** The names and texts in tags that contain characters which are not visible. A text can be empty. */
function* invisibleTexts(value: unknown, path: PropertyKey[] = []): Generator<InvisibleText> {
  if (typeof value === 'string') {
    const problem = value === '' ? undefined : textProblem(value, { multiline: true });
    if (problem !== undefined) yield { path, message: problem };
  } else if (Array.isArray(value)) {
    for (const [index, entry] of value.entries()) yield* invisibleTexts(entry, [...path, index]);
  } else if (typeof value === 'object' && value !== null) {
    for (const [name, field] of Object.entries(value)) {
      const problem = textProblem(name);
      if (problem !== undefined) yield { path: [...path, name], message: `has a name that ${problem}` };
      yield* invisibleTexts(field, [...path, name]);
    }
  }
}

export const ManifestMetadataSchema = z.strictObject({
  project: visibleText(256).optional().describe('Keyword of the asset.'),
  description: visibleText(10_000, { multiline: true }).optional().describe('Abstract of the asset.'),
  tags: z
    .looseObject({
      dataset_id: DATASET_ID.optional().describe(
        'The dataset that gets the asset as a new version, at most ' +
          `${MAX_DATASET_ID_BYTES} bytes of UTF-8. Default: a generated id.`,
      ),
    })
    .superRefine((tags, context) => {
      // Without `input`, every issue would contain all tags in the message of the error of zod.
      for (const { path, message } of invisibleTexts(tags).take(MAX_INVISIBLE_TEXTS))
        context.addIssue({ code: 'custom', path, message, input: undefined });
    })
    .optional()
    .describe('Names and values of your choice. Sluice uses only `dataset_id`.'),
  time: DataTimeParametersSchema.optional().describe(
    'Time of the data, for the catalog. Default: the time that a netCDF, GRIB or TIFF file contains.',
  ),
  recipe: RecipeParametersSchema.optional().describe(
    'Parameters and additional steps of the recipe (docs/recipes.md).',
  ),
  join_config: JoinConfigSchema.optional().describe('Assets and keys to join.'),
  raster: RasterParametersSchema.optional().describe('Conversion of rasters to Cloud Optimized GeoTIFFs.'),
  tabular: TabularParametersSchema.optional().describe(
    'How tables and CSV files of features are read. Values that are not given are detected.',
  ),
  force: z.boolean().optional().describe('Compute the asset again, even if one of the same input and recipe exists.'),
  keep_versions: KeepVersionsSchema.optional().describe(
    'Number of versions of the dataset to keep. Older versions are removed, now and after each later run.',
  ),
});

/** Longest `batch_id`, in characters. */
export const MAX_BATCH_ID = 128;

export const ManifestSchema = z.strictObject({
  batch_id: visibleText(MAX_BATCH_ID, { identifier: true }).describe(
    'Identifies the batch. A second manifest with the `batch_id` of an accepted one is rejected.',
  ),
  uploader: visibleText(128, { identifier: true }).describe('Person or system that uploaded the batch.'),
  intent: z
    .string()
    .regex(/^[a-z][a-z0-9_]{0,63}$/, 'must be lower-case letters, digits and "_"')
    .describe('Processing to apply to the files (Intents in docs/manifest.md).'),
  files: z
    .array(ManifestFileSchema)
    .max(1000)
    .describe('The files of the batch. Vector files, and tables, must have the same columns and become one asset.'),
  metadata: ManifestMetadataSchema.default({}).describe('Description and parameters.'),
});
export type Manifest = z.infer<typeof ManifestSchema>;
