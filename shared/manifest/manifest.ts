import { RecipeParametersSchema } from '#shared/recipes/parameters/recipe-parameters.ts';
import { z } from 'zod';
import { EpsgCodeSchema } from '#shared/contracts/epsg.ts';
import { ROOT_KEY } from '#shared/contracts/object-keys.ts';
import { DECLARABLE_TYPES } from '#shared/contracts/value-types.ts';

/**
 * The manifest: what a user uploads to `landing-zone/manifests/` after the files (design section 5).
 * Strict: an unknown field is an error, so that a typing mistake never goes unnoticed. Free values belong in `metadata.tags`.
 * docs/manifest.md and docs/manifest.schema.json are made from these schemas and their descriptions.
 */

/** No control characters: these texts reach logs, object metadata and SQL comments. */
const text = (max: number) =>
  z
    .string()
    .min(1)
    .max(max)
    .regex(/^[^\u0000-\u001f\u007f]*$/, 'must not hold control characters');

/** Begins the keys of the dataset's objects in the lake. */
export const DATASET_ID = z
  .string()
  .regex(
    /^[\p{L}\p{N}][\p{L}\p{N}._-]{0,99}$/u,
    'must be 1 to 100 letters, digits, ".", "_" or "-", and begin with a letter or digit',
  )
  .refine((id) => id.toLowerCase() !== ROOT_KEY, `must not be "${ROOT_KEY}", which the catalog itself is called`);

export const FILE_TYPES = ['vector', 'raster', 'tabular'] as const;

export const ManifestFileSchema = z.strictObject({
  path: z
    .string()
    .min(1)
    .max(2048)
    .describe('The object, as `s3://landing-zone/KEY`; the key as it stands, not percent-encoded.'),
  type: z.enum(FILE_TYPES).describe('What kind of data it holds. All files of a manifest are of one type.'),
  format: text(64).describe("GDAL's name of the driver, such as `ESRI Shapefile`; docs/formats.md lists them."),
  crs: z
    .string()
    .min(1)
    .max(8192)
    .optional()
    .describe('Coordinate reference system, instead of what the file says: `EPSG:n`, `OGC:CRS84` or WKT.'),
  layer: text(256).optional().describe('The layer to read; needed when the file has several.'),
  encoding: text(32)
    .optional()
    .describe('Encoding of its text when the file does not say, or says it wrongly: `ISO-8859-1`.'),
  x_column: text(128).optional().describe('CSV: column of the x coordinate (longitude, easting).'),
  y_column: text(128).optional().describe('CSV: column of the y coordinate (latitude, northing).'),
  wkt_column: text(128).optional().describe('CSV: column that holds a geometry as WKT.'),
});
export type ManifestFile = z.infer<typeof ManifestFileSchema>;

export const JoinConfigSchema = z.strictObject({
  spatial_asset_id: z
    .string()
    .min(1)
    .max(128)
    .describe('An asset id, or `dataset:NAME` for the newest version of a dataset.'),
  tabular_asset_id: z.string().min(1).max(128).describe('Likewise, of a tabular asset.'),
  left_key: text(128).describe('Column of the spatial asset to join by.'),
  right_key: text(128).describe('Column of the tabular asset to join by.'),
  how: z.enum(['left', 'inner']).default('left').describe('`left` keeps features without a row, `inner` drops them.'),
  columns: z
    .array(text(128))
    .max(1600)
    .optional()
    .describe('Columns of the table to keep; when absent all, but a key that is called the same on both sides.'),
  prefix: text(32).default('t_').describe('Put before a column of the table whose name the spatial asset has too.'),
  allow_duplicate_keys: z
    .boolean()
    .default(false)
    .describe('When true, several table rows for one key make several features; else they are an error.'),
});
export type JoinConfig = z.infer<typeof JoinConfigSchema>;

/** How rasters become Cloud Optimized GeoTIFFs. */
export const RasterParametersSchema = z.strictObject({
  target_crs: EpsgCodeSchema.optional().describe('Coordinate reference system of the asset, as `EPSG:n`.'),
  resampling: z
    .enum(['nearest', 'bilinear', 'cubic', 'average', 'mode', 'lanczos'])
    .optional()
    .describe('For reprojection and overviews; by default nearest for categorical data, else bilinear and average.'),
  categorical: z
    .boolean()
    .optional()
    .describe('True for classes (land cover), where a mean makes no sense. By default: bands with a palette.'),
  nodata: z.number().optional().describe('The value that means "no data", instead of what the file says.'),
  compression: z.enum(['deflate', 'zstd', 'lzw']).optional().describe('Compression of the asset.'),
  mosaic: z.boolean().default(false).describe('One asset of all files; else one asset for each file.'),
});

/** How tables are read. What is not given is detected. */
export const TabularParametersSchema = z.strictObject({
  delimiter: z
    .string()
    .regex(/^[\t !#-/:-@[-`{-~]$/, 'must be a tab or one ASCII character that is no letter, digit or quote')
    .optional()
    .describe('The character between two values: a tab, or one of ASCII that is no letter, digit or quote.'),
  decimal_separator: z.enum(['.', ',']).optional().describe('The character before the decimals of a number.'),
  header: z.boolean().optional().describe('False when the first line is data.'),
  null_values: z
    .array(z.string().max(64))
    .max(20)
    .optional()
    .describe('Texts that mean "no value" besides the empty field, where they are not quoted.'),
  sheet: text(128).optional().describe('Sheet of a workbook; the first by default.'),
  columns: z
    .record(z.string().min(1).max(128), z.enum(DECLARABLE_TYPES))
    .optional()
    .describe('Types of columns; declared types win over detected ones.'),
  max_rejected_rows: z
    .number()
    .int()
    .min(0)
    .optional()
    .describe('More rows that cannot be read than this fail the run; by default 10, or 1 % of all when that is more.'),
});

/** More versions than this are as good as all of them. */
const MAX_KEEP_VERSIONS = 100_000;
export const KeepVersionsSchema = z.number().int().min(1).max(MAX_KEEP_VERSIONS);

export const ManifestMetadataSchema = z.strictObject({
  project: text(256).optional().describe('Kept with the asset, as a keyword.'),
  description: z.string().max(10_000).optional().describe('Kept with the asset, as its abstract.'),
  tags: z
    .looseObject({
      dataset_id: DATASET_ID.optional().describe(
        'The dataset of which the asset becomes a version; generated when absent.',
      ),
    })
    .optional()
    .describe('Free values; only `dataset_id` has a meaning.'),
  recipe: RecipeParametersSchema.optional().describe(
    'Parameters and further steps of the recipe (docs/recipes.md); only for vector files.',
  ),
  join_config: JoinConfigSchema.optional().describe('What to join; only with intent `join_datasets`.'),
  raster: RasterParametersSchema.optional().describe('How rasters become Cloud Optimized GeoTIFFs.'),
  tabular: TabularParametersSchema.optional().describe('How tables are read. What is not given is detected.'),
  force: z.boolean().optional().describe('Compute, although an asset of the same input and recipe exists.'),
  keep_versions: KeepVersionsSchema.optional().describe(
    'Versions of the dataset to keep, from now on; older ones are removed after each run.',
  ),
});

export const ManifestSchema = z.strictObject({
  batch_id: text(128).describe('Names this batch. Unique for ever: a second manifest with it is rejected.'),
  uploader: text(128).describe('Who uploaded it: a person or a system.'),
  intent: z
    .string()
    .regex(/^[a-z][a-z0-9_]{0,63}$/, 'must be lower-case letters, digits and "_"')
    .describe('What to do with the files: see below.'),
  files: z
    .array(ManifestFileSchema)
    .max(1000)
    .describe('The files of the batch. Files of the same columns become one asset.'),
  metadata: ManifestMetadataSchema.default({}).describe('What else is known, and parameters.'),
});
export type Manifest = z.infer<typeof ManifestSchema>;
