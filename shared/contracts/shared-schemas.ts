import { z } from 'zod';
import { ERROR_CODES, type ErrorCodeName } from '#shared/errors/codes.ts';

/** Schemas that events and ledger documents share. */

export const ErrorDocumentSchema = z.object({
  code: z.enum(Object.keys(ERROR_CODES) as [ErrorCodeName, ...ErrorCodeName[]]),
  message: z.string(),
  details: z.record(z.string(), z.unknown()).default({}),
});

/** A column of an asset: `name` as in the source, `type` as returned by format_type() of PostgreSQL. */
export const ColumnSchema = z.object({ name: z.string(), type: z.string() });

/** A source file. `sha256` is the hash of its objects in the landing zone. */
export const SourceFileSchema = z.object({
  path: z.string(),
  sha256: z.string(),
  size_bytes: z.number().int(),
  format: z.string(),
  layer: z.string().nullable(),
  crs: z.string().nullable(),
  row_count: z.number().int(),
});

/** The time of the data: an instant if start and end are equal. ISO 8601 in UTC; the end is included. */
export const DataTimeSchema = z.object({
  start: z.iso.datetime(),
  end: z.iso.datetime(),
  /** Where the time was found: `manifest`, or the metadata of the file. */
  source: z.string(),
});

/** Information for the user about how a file was read: an assumption, a renamed column, a repair. */
export const NoteSchema = z.object({
  code: z.string(),
  message: z.string(),
  file: z.string().optional(),
  column: z.string().optional(),
});

/** Numbers of geometries that the source did not have, or that a recipe changed. */
export const GeometryCountsSchema = z.object({
  null_geometries: z.number().int(),
  empty_geometries: z.number().int(),
  repaired_geometries: z.number().int(),
  /** Geometries divided at longitude 180, or closed at a pole. Absent on assets of earlier versions. */
  split_geometries: z.number().int().optional(),
  /** Geometries from which the simplification removed vertices. */
  simplified_geometries: z.number().int().optional(),
  removed_vertices: z.number().int().optional(),
});

/** The result of a join. Each key is counted once, regardless of its number of rows. */
export const JoinResultSchema = z.object({
  /** Rows of the result with a matching row of the table. */
  matched_rows: z.number().int(),
  /** Unmatched keys of each side: their number, and the first of them. */
  unmatched_spatial: z.object({ count: z.number().int(), sample: z.array(z.string()) }),
  unmatched_tabular: z.object({ count: z.number().int(), sample: z.array(z.string()) }),
  /** Rows without a key. They never match. */
  null_keys: z.object({ spatial: z.number().int(), tabular: z.number().int() }).optional(),
});

/** The rows of tables that could not be read: their number, and the first ones in the order of their lines. */
export const RejectedRowsSchema = z.object({
  count: z.number().int(),
  sample: z.array(z.object({ line: z.number().int(), reason: z.string() })),
});

export type SourceFile = z.infer<typeof SourceFileSchema>;
export type Column = z.infer<typeof ColumnSchema>;
export type Note = z.infer<typeof NoteSchema>;
export type DataTime = z.infer<typeof DataTimeSchema>;
export type JoinResult = z.infer<typeof JoinResultSchema>;
