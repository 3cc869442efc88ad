import { LANES } from '#shared/contracts/lanes.ts';
import { STATUSES, STEP_STATUSES } from '#shared/contracts/statuses.ts';
import { z } from 'zod';
import { KeepVersionsSchema, ManifestSchema } from '#shared/manifest/manifest.ts';
import {
  ColumnSchema,
  ErrorDocumentSchema,
  JoinResultSchema,
  NoteSchema,
  SourceFileSchema,
} from '#shared/contracts/facts.ts';

/**
 * The documents of the ledger (design section 6). These schemas are the source: they validate in the app,
 * become MongoDB's `$jsonSchema` validators, and are the types of the whole code base. Times are ISO 8601 in UTC.
 */

/** 24 hex digits: the text form of an ObjectId. */
export const ObjectIdSchema = z.string().regex(/^[0-9a-f]{24}$/);
const Time = z.iso.datetime();

const StatusSchema = z.enum(STATUSES);

/** A CloudEvent kept as the recorded reply of a step. */
const EventSchema = z.looseObject({ id: z.string(), type: z.string() });

export const StepSchema = z.object({
  name: z.string(),
  status: z.enum(STEP_STATUSES),
  /** How often it was claimed. */
  attempt: z.number().int().min(0),
  /** Fencing token of the newest claim; 0 before the first. Grows with every claim of the run. */
  token: z.number().int().min(0),
  /** Process that holds the claim (shared/runtime/owner.ts); null when none does. */
  owner: z.string().nullable(),
  /** The claim is free after this time. */
  lease_until: Time.nullable(),
  started_at: Time.nullable(),
  finished_at: Time.nullable(),
  /** The event that it answered; a repeat answers the same. */
  reply: EventSchema.nullable(),
  error: ErrorDocumentSchema.nullable(),
});
export type Step = z.infer<typeof StepSchema>;

export const ManifestDocumentSchema = z.object({
  _id: ObjectIdSchema,
  /** Unique for ever. Null for a manifest that was rejected: its batch_id is not used up. */
  batch_id: z.string().nullable(),
  /** The batch_id that a rejected manifest asked for, when one could be read in it: a person looks for it by that. Null otherwise. */
  claimed_batch_id: z.string().nullable(),
  manifest_key: z.string(),
  /** SHA-256 of the manifest as uploaded. */
  sha256: z.string(),
  status: StatusSchema,
  run_id: z.uuid().nullable(),
  lane: z.enum(LANES).nullable(),
  /** The manifest as validated; null when it was not valid. */
  body: ManifestSchema.nullable(),
  /** First 64 KiB of what was uploaded, when it was not valid. */
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
  lane: z.string(),
  manifest_archive_key: z.string(),
  operator: z.string(),
});

export const RunDocumentSchema = z.object({
  _id: ObjectIdSchema,
  run_id: z.uuid(),
  /** `{ingest|tabular|join}:{batch_id}`; a rerun appends `:{n}`. Unique. */
  run_key: z.string(),
  batch_id: z.string(),
  manifest_id: ObjectIdSchema,
  dataset_id: z.string(),
  lane: z.enum(LANES),
  status: StatusSchema,
  /** Newest fencing token that was given out for any step of this run. */
  fence: z.number().int().min(0),
  steps: z.array(StepSchema),
  asset_ids: z.array(ObjectIdSchema),
  tags: TagsSchema,
  /** What was asked for; a copy, so that a step needs one read. */
  manifest: ManifestSchema,
  error: ErrorDocumentSchema.nullable(),
  rerun_of: z.uuid().nullable(),
  /** How often the run began anew, because PostgreSQL had lost its tables; absent before the first time. */
  restarts: z.number().int().min(1).optional(),
  /** Names the request for a rerun, so that the same request again makes no second run. */
  request_id: z.string().nullable().optional(),
  traceparent: z.string().nullable(),
  created_at: Time,
  updated_at: Time,
  finished_at: Time.nullable(),
});
export type RunDocument = z.infer<typeof RunDocumentSchema>;

/** [west, south, east, north]; null for an asset without coordinates. */
export const BboxSchema = z.tuple([z.number(), z.number(), z.number(), z.number()]).nullable();

export const BandSchema = z.object({
  /** GDAL's name: Byte, Int16, UInt16, Int32, Float32, … */
  data_type: z.string(),
  nodata: z.union([z.number(), z.enum(['nan', 'inf', '-inf'])]).nullable(),
  color_interpretation: z.string().nullable(),
  description: z.string().nullable(),
  /** What is measured = stored value * scale + offset, in `unit`; absent where the file does not say. */
  scale: z.number().optional(),
  offset: z.number().optional(),
  unit: z.string().optional(),
  /** Of the stored values; null when no pixel has data. */
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
  /** Size of a pixel in units of the CRS, [x, y], both positive for north-up. */
  resolution: z.tuple([z.number(), z.number()]),
  block_size: z.tuple([z.number().int(), z.number().int()]),
  /** Factors of the overviews: [2, 4, 8]. */
  overviews: z.array(z.number().int()),
  compression: z.string(),
  /** The CRS, when it has no code by which it can be looked up. */
  crs_wkt2: z.string().optional(),
  bands: z.array(BandSchema),
});

/** The retention rule of its dataset, or the end of its run before the asset was whole. */
export const REMOVAL_REASONS = ['retention', 'run_not_finished'] as const;

export const AssetDocumentSchema = z.object({
  _id: ObjectIdSchema,
  dataset_id: z.string(),
  /** 1, 2, 3, … within the dataset. A number is given once: a removed version leaves a gap. */
  version: z.number().int().min(1),
  kind: z.enum(['spatial', 'tabular', 'raster', 'joined']),
  s3_key: z.string(),
  /** SHA-256 of the object. */
  content_hash: z.string(),
  /** SHA-256 over inputs, recipe and parameters: the same input is linked, not computed again. */
  source_hash: z.string(),
  /** `_id` of the run document. */
  run_id: ObjectIdSchema,
  crs: z.string().nullable(),
  /** In EPSG:4326, whatever the CRS of the asset. */
  bbox: BboxSchema,
  /** In the CRS of the asset. */
  native_bbox: BboxSchema.optional(),
  geometry_types: z.array(z.string()),
  row_count: z.number().int().nullable(),
  columns: z.array(ColumnSchema),
  size_bytes: z.number().int(),
  quality: z.object({
    null_geometries: z.number().int(),
    empty_geometries: z.number().int(),
    repaired_geometries: z.number().int(),
    notes: z.array(NoteSchema),
  }),
  /** Assets that it was made from. */
  parents: z.array(ObjectIdSchema).optional(),
  /** Only of a raster asset. */
  raster: RasterSchema.optional(),
  /** Only of a joined asset: what found no partner. */
  join: JoinResultSchema.optional(),
  /** Only of a tabular asset: rows that could not be read, the first of them by line. */
  rejected_rows: z
    .object({ count: z.number().int(), sample: z.array(z.object({ line: z.number().int(), reason: z.string() })) })
    .optional(),
  /** Versions of the programs that made it: GDAL, PostGIS, GEOS, PROJ, DuckDB, Sluice. */
  software: z.record(z.string(), z.string()).optional(),
  recipe: z.object({ name: z.string(), parameters: z.record(z.string(), z.unknown()), steps: z.array(z.string()) }),
  /** `row_count` is null for a raster. */
  sources: z.array(SourceFileSchema.extend({ row_count: z.number().int().nullable() })),
  iso: z.record(z.string(), z.unknown()).nullable(),
  /** Set when lineage, STAC item and ISO record stand: then the asset is whole, and others may link it. */
  stac_key: z.string().nullable(),
  created_at: Time,
  /** Present when it was removed: since then it does not exist, and only its lineage is left. */
  removed: z.object({ at: Time, reason: z.enum(REMOVAL_REASONS) }).optional(),
  /** Of a removed asset: when its objects were deleted, too. */
  purged_at: Time.optional(),
});
export type AssetDocument = z.infer<typeof AssetDocumentSchema>;
/** What a handler knows of an asset; the ledger adds version and time, and what becomes of it. */
export type AssetDraft = Omit<AssetDocument, 'version' | 'created_at' | 'removed' | 'purged_at'>;

export const LineageDocumentSchema = z.object({
  _id: ObjectIdSchema,
  asset_id: ObjectIdSchema,
  /** A file of the landing zone, or an asset. */
  source: z.discriminatedUnion('kind', [
    z.object({ kind: z.literal('file'), path: z.string(), sha256: z.string() }),
    z.object({ kind: z.literal('asset'), asset_id: ObjectIdSchema }),
  ]),
  operation: z.string(),
  recipe: z.string().nullable(),
  parameters: z.record(z.string(), z.unknown()),
  /** Versions of the programs that did it. */
  software: z.record(z.string(), z.string()).optional(),
  run_id: z.uuid(),
  created_at: Time,
});
export type LineageDocument = z.infer<typeof LineageDocumentSchema>;

export const ACTIVITIES = [
  'manifest_rejected',
  'manifest_duplicate',
  'lane_disabled',
  'run_started',
  'run_succeeded',
  'run_failed',
  'run_canceled',
  'run_rerun',
  'run_restarted',
  'manifest_archived',
  'dead_letter_redriven',
  'dead_letter_discarded',
  'retention_set',
  'asset_removed',
] as const;
export const ActivityDocumentSchema = z.object({
  /** Deterministic, so that a repeat writes the same line. */
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
  /** Derived from dataset_id. */
  _id: ObjectIdSchema,
  dataset_id: z.string(),
  latest_version: z.number().int().min(0),
  /** Retention rule: how many of the newest versions stay. Null or absent: all of them. */
  keep_versions: KeepVersionsSchema.nullable().optional(),
  /** When the rule was decided on: of two decisions the later one stands, in whatever order they arrive. */
  retention_decided_at: Time.optional(),
  created_at: Time,
});
export type DatasetDocument = z.infer<typeof DatasetDocumentSchema>;
