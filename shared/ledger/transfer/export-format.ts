import { z } from 'zod';
import { type CollectionName, SCHEMAS } from '../collections.ts';

/**
 * An export of a ledger: a file of JSON lines in UTF-8. The first line is the header. Then follow the documents of each
 * collection, one per line, in the order of TRANSFER_ORDER and of their ids. The last line is the trailer. The same
 * documents are the same lines, whichever database they come from.
 */

/** Increase it for a change that older releases cannot read. */
export const EXPORT_VERSION = 1;
const FORMAT = 'sluice-ledger';

/** Runs are last, so that everything that an imported run refers to is stored before it. */
export const TRANSFER_ORDER = [
  'datasets',
  'assets',
  'lineage',
  'activity_logs',
  'manifests',
  'runs',
] as const satisfies CollectionName[];

export const HeaderSchema = z.looseObject({
  format: z.literal(FORMAT),
  version: z.number().int().min(1),
  /** The kind of database that the documents come from. */
  source: z.string(),
  /** Version of the Sluice that wrote the file. */
  release: z.string(),
  exported_at: z.iso.datetime(),
});
export type Header = z.infer<typeof HeaderSchema>;

export const DocumentLineSchema = z.strictObject({
  collection: z.enum(Object.keys(SCHEMAS) as CollectionName[]),
  document: z.looseObject({ _id: z.string() }),
});

export const TrailerSchema = z.strictObject({
  trailer: z.strictObject({
    /** Number of documents of each collection. */
    counts: z.record(z.string(), z.number().int().min(0)),
    /** SHA-256 of all bytes before the trailer. */
    sha256: z.string(),
  }),
});

export function newHeader(source: string, release: string): Header {
  return { format: FORMAT, version: EXPORT_VERSION, source, release, exported_at: new Date().toISOString() };
}

/** One line of the file. Fields are sorted by name, because databases return them in different orders. */
export function toLine(value: unknown): string {
  return `${JSON.stringify(sorted(value))}\n`;
}

/** Whether both values have the same lines. */
export function isSame(a: unknown, b: unknown): boolean {
  return toLine(a) === toLine(b);
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  const fields = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(fields.map(([name, field]) => [name, sorted(field)]));
}
