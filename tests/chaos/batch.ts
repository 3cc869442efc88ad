import type { Random } from './random.ts';

/** A batch of the chaos test, and how its run must end. */
export interface ChaosBatch {
  /** The kind of batch, for the report. */
  kind: string;
  intent: string;
  files: BatchFile[];
  metadata?: Record<string, unknown>;
  /** Replaces fields of the manifest. */
  fields?: Record<string, unknown>;
  /** The text of the manifest, instead of a valid one. */
  manifest?: string;
  /** The codes of which one must be the error of the run or manifest. Without them, the run must succeed. */
  codes?: readonly string[];
}

export interface BatchFile {
  name: string;
  body: Buffer | string;
  type: string;
  format: string;
  /** Other fields of the file in the manifest. */
  fields?: Record<string, unknown>;
  /** Uploaded, but not named in the manifest. */
  isPart?: boolean;
}

/** Makes one batch. `n` is different for each batch, so that no two have the same content. */
export type BatchKind = (n: number, random: Random) => ChaosBatch;

export const vector = (name: string, format: string, body: Buffer | string, fields = {}): BatchFile => ({
  name,
  body,
  format,
  fields,
  type: 'vector',
});
export const table = (name: string, format: string, body: Buffer | string, fields = {}): BatchFile => ({
  ...vector(name, format, body, fields),
  type: 'tabular',
});
export const raster = (name: string, body: Buffer | string): BatchFile => ({
  ...vector(name, 'GTiff', body),
  type: 'raster',
});

/** The text of a manifest. `bucket` is the landing zone. */
export function manifestOf(batch: ChaosBatch, id: string, bucket: string): string {
  const named = batch.files.filter(({ isPart }) => isPart !== true);
  return JSON.stringify({
    batch_id: id,
    uploader: 'chaos',
    intent: batch.intent,
    files: named.map(({ name, type, format, fields }) => ({
      path: `s3://${bucket}/${id}/${name}`,
      type,
      format,
      ...fields,
    })),
    metadata: { force: true, tags: { dataset_id: id }, ...batch.metadata },
    ...batch.fields,
  });
}
