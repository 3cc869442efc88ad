import { z } from 'zod';
import {
  ColumnSchema,
  DataTimeSchema,
  ErrorDocumentSchema,
  GeometryCountsSchema,
  JoinResultSchema,
  NoteSchema,
  RejectedRowsSchema,
  SourceFileSchema,
} from '#shared/contracts/shared-schemas.ts';
import { ACTIVITIES } from '#shared/contracts/activities.ts';
import { LANES } from '#shared/contracts/lanes.ts';
import { STATUSES, STEP_STATUSES } from '#shared/contracts/statuses.ts';
import { KeepVersionsSchema, ManifestSchema } from '#shared/manifest/manifest.ts';

/**
 * The documents of the ledger. These schemas validate documents before they are stored, and define their TypeScript
 * types. Times are ISO 8601 in UTC.
 */

/** 24 hex digits: the text form of an ObjectId. */
export const ObjectIdSchema = z.string().regex(/^[0-9a-f]{24}$/);
const Time = z.iso.datetime();

const StatusSchema = z.enum(STATUSES);

/** The CloudEvent that a step returned. */
const EventSchema = z.looseObject({ id: z.string(), type: z.string() });

export const StepSchema = z.object({
  name: z.string(),
  status: z.enum(STEP_STATUSES),
  /** Number of claims of the step. */
  attempt: z.number().int().min(0),
  /** Fencing token of the newest claim, 0 before the first claim. It increases with every claim of the run. */
  token: z.number().int().min(0),
  /** Process that holds the claim (shared/processes/owner.ts); null when no process holds it. */
  owner: z.string().nullable(),
  /** End of the lease. Another process may claim the step after this time. */
  lease_until: Time.nullable(),
  started_at: Time.nullable(),
  finished_at: Time.nullable(),
  /** The event that the step returned. A repeated delivery returns it again. */
  reply: EventSchema.nullable(),
  error: ErrorDocumentSchema.nullable(),
});
export type Step = z.infer<typeof StepSchema>;

export const ManifestDocumentSchema = z.object({
  _id: ObjectIdSchema,
  /** Unique, and never reused. Null for a rejected manifest, so that a corrected one can use the same batch_id. */
  batch_id: z.string().nullable(),
  /** The batch_id in a rejected manifest if it was readable, for searches by batch_id. Null otherwise. */
  claimed_batch_id: z.string().nullable(),
  manifest_key: z.string(),
  /** SHA-256 of the manifest as uploaded. */
  sha256: z.string(),
  status: StatusSchema,
  run_id: z.uuid().nullable(),
  lane: z.enum(LANES).nullable(),
  /** The manifest as validated; null when it was not valid. */
  body: ManifestSchema.nullable(),
  /** The first 64 KiB of an invalid upload. */
  raw: z.string().nullable(),
  error: ErrorDocumentSchema.nullable(),
  archive_key: z.string().nullable(),
  created_at: Time,
  updated_at: Time,
});
export type ManifestDocument = z.infer<typeof ManifestDocumentSchema>;

export const TagsSchema = z.object({
  batch_id: z.string(),
  uploader: z.string(),
  intent: z.string(),
  manifest_key: z.string(),
  /** The lane group, as in run keys. `lane` of the run document is the lane. */
  lane: z.string(),
  manifest_archive_key: z.string(),
  operator: z.string(),
});

export const PlacementSchema = z.object({
  /** Name of the server, without credentials: `host:port/database`. */
  server: z.string(),
  /** Fencing token of the claim that placed the run. */
  token: z.number().int().min(1),
});

export const RunDocumentSchema = z.object({
  _id: ObjectIdSchema,
  run_id: z.uuid(),
  /** Unique: `{lane group}:{batch_id}`, and `:{n}` for the n-th run of the batch. */
  run_key: z.string(),
  batch_id: z.string(),
  manifest_id: ObjectIdSchema,
  dataset_id: z.string(),
  lane: z.enum(LANES),
  status: StatusSchema,
  /** The newest fencing token of all steps. */
  fence: z.number().int().min(0),
  steps: z.array(StepSchema),
  asset_ids: z.array(ObjectIdSchema),
  tags: TagsSchema,
  /** A copy of the manifest, so that a step reads one document only. */
  manifest: ManifestSchema,
  error: ErrorDocumentSchema.nullable(),
  rerun_of: z.uuid().nullable(),
  /** Total size of the files or assets that the run reads; absent when it is unknown. */
  input_bytes: z.number().int().min(0).optional(),
  /** Number of restarts after PostgreSQL lost the working tables; absent before the first restart. */
  restarts: z.number().int().min(1).optional(),
  /** Number of these restarts for which a server process of this run was killed; absent before the first one. */
  backend_deaths: z.number().int().min(1).optional(),
  /** The PostGIS server of the run, and the claim that placed the run; absent before, and with one server. */
  placement: PlacementSchema.optional(),
  /** Identifies the rerun request, so that a repeated request does not start a second run. */
  request_id: z.string().nullable().optional(),
  traceparent: z.string().nullable(),
  created_at: Time,
  updated_at: Time,
  finished_at: Time.nullable(),
});
export type RunDocument = z.infer<typeof RunDocumentSchema>;

/** `[west, south, east, north]`; null for an asset without coordinates. */
export const BboxSchema = z.tuple([z.number(), z.number(), z.number(), z.number()]).nullable();

/** A raster attribute table of GDAL: columns and rows that describe the classes of a band. */
export const AttributeTableSchema = z.object({
  /** `usage` is GDAL's name of the meaning of a column: Name, MinMax, PixelCount, Red, … */
  columns: z.array(z.object({ name: z.string(), type: z.enum(['integer', 'real', 'string']), usage: z.string() })),
  rows: z.array(z.array(z.union([z.string(), z.number()]))),
  /** Row i is for values from row0_minimum + i * bin_size. Absent when a column has the values. */
  row0_minimum: z.number().optional(),
  bin_size: z.number().optional(),
});
export type AttributeTable = z.infer<typeof AttributeTableSchema>;

export const BandSchema = z.object({
  /** GDAL's name of the data type: Byte, Int16, UInt16, Int32, Float32, … */
  data_type: z.string(),
  /** A text of digits is an integer that a double cannot hold. */
  nodata: z.union([z.number(), z.enum(['nan', 'inf', '-inf']), z.string().regex(/^-?\d+$/)]).nullable(),
  color_interpretation: z.string().nullable(),
  description: z.string().nullable(),
  /** Measured value = stored value * scale + offset, in `unit`. Absent when the file does not define them. */
  scale: z.number().optional(),
  offset: z.number().optional(),
  unit: z.string().optional(),
  /** The time of the values; absent when the file does not contain it for each band. */
  time: Time.optional(),
  /** Names of the classes 0, 1, 2, …; absent when the file has none. */
  category_names: z.array(z.string()).optional(),
  /** Absent when the file has none. */
  attribute_table: AttributeTableSchema.optional(),
  /** Statistics of the stored values; null when no pixel has data. */
  statistics: z
    .object({
      minimum: z.number(),
      maximum: z.number(),
      mean: z.number(),
      stddev: z.number(),
      valid_percent: z.number(),
    })
    .nullable(),
});

export const RasterSchema = z.object({
  width: z.number().int(),
  height: z.number().int(),
  /** Size of a pixel in units of the CRS, `[x, y]`; both are positive for a north-up raster. */
  resolution: z.tuple([z.number(), z.number()]),
  block_size: z.tuple([z.number().int(), z.number().int()]),
  /** Factors of the overviews, such as `[2, 4, 8]`. */
  overviews: z.array(z.number().int()),
  compression: z.string(),
  /** The CRS as WKT2, when it has no authority code. */
  crs_wkt2: z.string().optional(),
  bands: z.array(BandSchema),
});

/** `retention`: the rule of its dataset. `run_not_finished`: its run ended before the asset was complete. */
export const REMOVAL_REASONS = ['retention', 'run_not_finished'] as const;
export type RemovalReason = (typeof REMOVAL_REASONS)[number];

export const AssetDocumentSchema = z.object({
  _id: ObjectIdSchema,
  dataset_id: z.string(),
  /** 1, 2, 3, … within the dataset. Numbers are never reused: a removed version leaves a gap. */
  version: z.number().int().min(1),
  kind: z.enum(['spatial', 'tabular', 'raster', 'joined']),
  s3_key: z.string(),
  /** SHA-256 hash of the object. */
  content_hash: z.string(),
  /** SHA-256 of inputs, recipe and parameters. A run with the same hash reuses the asset. */
  source_hash: z.string(),
  /** `_id` of the run document. In all other documents, `run_id` is the UUID of the run. */
  run_id: ObjectIdSchema,
  crs: z.string().nullable(),
  /** Bounding box in EPSG:4326. The west of data across longitude 180 is greater than its east (RFC 7946, 5.2). */
  bbox: BboxSchema,
  /** Extent in the CRS of the asset. */
  native_bbox: BboxSchema.optional(),
  /** Absent when neither the manifest nor the file contains it. */
  data_time: DataTimeSchema.optional(),
  geometry_types: z.array(z.string()),
  row_count: z.number().int().nullable(),
  columns: z.array(ColumnSchema),
  size_bytes: z.number().int(),
  quality: GeometryCountsSchema.extend({ notes: z.array(NoteSchema) }),
  /** Assets that this asset was made from. */
  parents: z.array(ObjectIdSchema).optional(),
  /** Size, pixels and bands. Present only for a raster asset. */
  raster: RasterSchema.optional(),
  /** Matched and unmatched keys. Present only for a joined asset. */
  join: JoinResultSchema.optional(),
  /** Rejected rows. Present only for an asset of tables or of CSV files. */
  rejected_rows: RejectedRowsSchema.optional(),
  /** Versions of the programs that wrote the asset: GDAL, PostGIS, GEOS, PROJ, DuckDB, Sluice. */
  software: z.record(z.string(), z.string()).optional(),
  recipe: z.object({ name: z.string(), parameters: z.record(z.string(), z.unknown()), steps: z.array(z.string()) }),
  /** The source files. `row_count` is null for a raster. */
  sources: z.array(SourceFileSchema.extend({ row_count: z.number().int().nullable() })),
  iso: z.record(z.string(), z.unknown()).nullable(),
  /** Key of the STAC item of an asset whose run has not succeeded yet: the item exists, but no collection lists it. */
  item_key: z.string().optional(),
  /** Key of the STAC item, set when the run succeeds. From then on the asset is complete and can be reused. */
  stac_key: z.string().nullable(),
  created_at: Time,
  /** Present on a removed asset. Reads do not return it any more; only its lineage is kept. */
  removed: z.object({ at: Time, reason: z.enum(REMOVAL_REASONS) }).optional(),
  /** When the objects of a removed asset were deleted. */
  purged_at: Time.optional(),
});
export type AssetDocument = z.infer<typeof AssetDocumentSchema>;
/** An asset before it is registered; the ledger sets the other fields. */
export type AssetDraft = Omit<AssetDocument, 'version' | 'created_at' | 'item_key' | 'removed' | 'purged_at'>;

export const LineageDocumentSchema = z.object({
  _id: ObjectIdSchema,
  asset_id: ObjectIdSchema,
  /** A file of the landing zone or an asset. */
  source: z.discriminatedUnion('kind', [
    z.object({ kind: z.literal('file'), path: z.string(), sha256: z.string() }),
    z.object({ kind: z.literal('asset'), asset_id: ObjectIdSchema }),
  ]),
  operation: z.string(),
  recipe: z.string().nullable(),
  parameters: z.record(z.string(), z.unknown()),
  /** Versions of the programs that performed the operation. */
  software: z.record(z.string(), z.string()).optional(),
  run_id: z.uuid(),
  created_at: Time,
});
export type LineageDocument = z.infer<typeof LineageDocumentSchema>;

export const ActivityDocumentSchema = z.object({
  /** Deterministic, so that a repeated write adds no second entry. */
  _id: ObjectIdSchema,
  activity: z.enum(ACTIVITIES),
  operator: z.string(),
  run_id: z.uuid().nullable(),
  batch_id: z.string().nullable(),
  message: z.string(),
  details: z.record(z.string(), z.unknown()),
  at: Time,
});
export type ActivityDocument = z.infer<typeof ActivityDocumentSchema>;

export const DatasetDocumentSchema = z.object({
  /** Id of the document, derived from `dataset_id`. */
  _id: ObjectIdSchema,
  dataset_id: z.string(),
  latest_version: z.number().int().min(0),
  /** Retention rule: how many of the newest versions are kept. Null or absent: all of them. */
  keep_versions: KeepVersionsSchema.nullable().optional(),
  /** When the rule was decided. A rule replaces only an earlier one, regardless of the order of the writes. */
  retention_decided_at: Time.optional(),
  created_at: Time,
});
export type DatasetDocument = z.infer<typeof DatasetDocumentSchema>;
