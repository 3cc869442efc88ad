import { z } from 'zod';

/**
 * The manifest: what a user uploads to `landing-zone/manifests/` after the files (design section 5).
 * Strict: an unknown field is an error, so that a typing mistake never goes unnoticed. Free values belong in `metadata.tags`.
 */

/** No control characters: these texts reach logs, object metadata and SQL comments. */
const text = (max: number) => z.string().min(1).max(max).regex(/^[^\u0000-\u001f\u007f]*$/, 'must not hold control characters');

export const DATASET_ID = z
  .string()
  .regex(/^[\p{L}\p{N}][\p{L}\p{N}._-]{0,99}$/u, 'must be 1 to 100 letters, digits, ".", "_" or "-", and begin with a letter or digit');

export const FILE_TYPES = ['vector', 'raster', 'tabular'] as const;

export const ManifestFileSchema = z.strictObject({
  path: z.string().min(1).max(2048),
  type: z.enum(FILE_TYPES),
  /** GDAL's name of the driver, such as `ESRI Shapefile`; see docs/formats.md. */
  format: text(64),
  /** Overrides the CRS of the file: `EPSG:n`, `OGC:CRS84` or WKT. */
  crs: z.string().min(1).max(8192).optional(),
  layer: text(256).optional(),
  /** Encoding of text when the file does not say, or says it wrongly: `ISO-8859-1`. */
  encoding: text(32).optional(),
  /** CSV: columns that hold the coordinates, or a geometry as WKT. */
  x_column: text(128).optional(),
  y_column: text(128).optional(),
  wkt_column: text(128).optional(),
});
export type ManifestFile = z.infer<typeof ManifestFileSchema>;

/** Parameters of the recipe; each recipe says which it uses (docs/recipes.md). */
export const RecipeParametersSchema = z.strictObject({
  /** Degrees, or units of target_crs. 0 switches simplification off. */
  simplify_tolerance: z.number().min(0).max(1e6).optional(),
  target_crs: z.string().regex(/^EPSG:\d{1,6}$/, 'must be EPSG:n').optional(),
  /** Decimals to which coordinates are rounded in the asset; lossy, so only on request. */
  coordinate_precision: z.number().int().min(0).max(15).optional(),
});
export type RecipeParameters = z.infer<typeof RecipeParametersSchema>;

export const JoinConfigSchema = z.strictObject({
  /** An asset id, or `dataset:NAME` for the newest version of a dataset. */
  spatial_asset_id: z.string().min(1).max(128),
  tabular_asset_id: z.string().min(1).max(128),
  left_key: text(128),
  right_key: text(128),
  how: z.enum(['left', 'inner']).default('left'),
  /** Columns of the table to keep; all when absent. */
  columns: z.array(text(128)).max(1600).optional(),
  /** Put before a column of the table whose name the spatial asset has too. */
  prefix: text(32).default('t_'),
  /** Several table rows for one key make several features, when this is true; else they are an error. */
  allow_duplicate_keys: z.boolean().default(false),
});

/** How rasters become Cloud Optimized GeoTIFFs. */
export const RasterParametersSchema = z.strictObject({
  target_crs: z.string().regex(/^EPSG:\d{1,6}$/, 'must be EPSG:n').optional(),
  /** For reprojection and overviews; by default nearest for categorical data, else bilinear and average. */
  resampling: z.enum(['nearest', 'bilinear', 'cubic', 'average', 'mode', 'lanczos']).optional(),
  /** True for classes (land cover), where a mean makes no sense. By default: bands with a palette. */
  categorical: z.boolean().optional(),
  nodata: z.number().optional(),
  compression: z.enum(['deflate', 'zstd', 'lzw']).optional(),
  /** One asset of all files; else one asset for each file. */
  mosaic: z.boolean().default(false),
});

export const TABULAR_TYPES = ['text', 'boolean', 'bigint', 'double', 'decimal', 'date', 'timestamp', 'timestamptz'] as const;

/** How tables are read. What is not given is detected. */
export const TabularParametersSchema = z.strictObject({
  delimiter: z.string().length(1).optional(),
  decimal_separator: z.enum(['.', ',']).optional(),
  /** False when the first line is data. */
  header: z.boolean().optional(),
  /** Text that means "no value"; an empty field does by default. */
  null_values: z.array(z.string().max(64)).max(20).optional(),
  /** Sheet of a workbook; the first by default. */
  sheet: text(128).optional(),
  /** Declared types win over detected ones. */
  columns: z.record(z.string().min(1).max(128), z.enum(TABULAR_TYPES)).optional(),
  /** More rejected rows than this fail the run. */
  max_rejected_rows: z.number().int().min(0).optional(),
});

export const ManifestMetadataSchema = z.strictObject({
  project: text(256).optional(),
  description: z.string().max(10_000).optional(),
  tags: z.looseObject({ dataset_id: DATASET_ID.optional() }).optional(),
  recipe: RecipeParametersSchema.optional(),
  join_config: JoinConfigSchema.optional(),
  raster: RasterParametersSchema.optional(),
  tabular: TabularParametersSchema.optional(),
  /** Compute, although an asset of the same input and recipe exists. */
  force: z.boolean().optional(),
  /** Versions of the dataset to keep; older ones are removed after this run. */
  keep_versions: z.number().int().min(1).optional(),
});

export const ManifestSchema = z.strictObject({
  batch_id: text(128),
  uploader: text(128),
  intent: z.string().regex(/^[a-z][a-z0-9_]{0,63}$/, 'must be lower-case letters, digits and "_"'),
  files: z.array(ManifestFileSchema).max(1000),
  metadata: ManifestMetadataSchema.default({}),
});
export type Manifest = z.infer<typeof ManifestSchema>;
