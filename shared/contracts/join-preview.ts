import { z } from 'zod';
import { ErrorDocumentSchema, JoinResultSchema, NoteSchema } from './shared-schemas.ts';

/** What a join would do, before its run is started. */

/** One of the two assets, and how many of its rows have a key that the other one has. */
const PreviewSideSchema = z.object({
  asset_id: z.string(),
  dataset_id: z.string(),
  version: z.number().int(),
  row_count: z.number().int(),
  matched_rows: z.number().int(),
});

/** Keys of the table that several rows have: their number, the most frequent ones, and the largest number of rows. */
export const DuplicateKeysSchema = z.object({
  count: z.number().int(),
  most_rows: z.number().int(),
  sample: z.array(z.object({ key: z.string(), rows: z.number().int() })),
});
export type DuplicateKeys = z.infer<typeof DuplicateKeysSchema>;

export const JoinPreviewSchema = z.object({
  spatial: PreviewSideSchema,
  tabular: PreviewSideSchema,
  /** As the joined asset will have it. */
  join: JoinResultSchema,
  duplicates: DuplicateKeysSchema,
  /** Of the joined asset. */
  row_count: z.number().int(),
  column_count: z.number().int(),
  /** Renamed columns. */
  notes: z.array(NoteSchema),
  /** The first joined rows with a match. Values are texts, and long ones are cut. Large assets have more columns. */
  sample: z.object({
    columns: z.array(z.object({ name: z.string(), side: z.enum(['spatial', 'tabular']) })),
    rows: z.array(z.array(z.string().nullable())),
  }),
  /** The error with which a run would fail: JOIN_KEY_DUPLICATE. */
  problem: ErrorDocumentSchema.nullable(),
});
export type JoinPreview = z.infer<typeof JoinPreviewSchema>;
