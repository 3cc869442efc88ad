import { SluiceError } from '#shared/errors/sluice-error.ts';

/** A row that is left out, by the line of the file on which it begins (for a sheet: its row). */
export interface RejectedRow {
  line: number;
  reason: string;
}

/** Rows that are told one by one: enough to see what is wrong with a file. */
export const MAX_REJECTED_SAMPLE = 20;
/** Unless the manifest says otherwise, a few bad rows don't stop a large delivery, and a file that is misread stops at once. */
const ALLOWED_ROWS = 10;
const ALLOWED_SHARE = 0.01;
/** Rows told in the message itself. */
const TOLD_ROWS = 3;

/** How many rows of one file could not be read, and the first of them. */
export class RejectedRows {
  count = 0;
  sample: RejectedRow[] = [];

  /** `rows` is more than 1 when a fault swallowed more lines than its own. */
  add(row: RejectedRow, rows = 1): void {
    this.count += rows;
    if (this.sample.length < MAX_REJECTED_SAMPLE) this.sample.push(row);
  }

  /** Adds what was found in another pass over the same file. */
  addAll(count: number, sample: RejectedRow[]): void {
    this.count += count;
    this.sample = [...this.sample, ...sample].sort((a, b) => a.line - b.line).slice(0, MAX_REJECTED_SAMPLE);
  }
}

/** Rejected rows of several files together; the reason names the file when there are several. */
export function totalRejected(files: { file: string; rejected: RejectedRows }[]): {
  count: number;
  sample: RejectedRow[];
} {
  const named = (file: string, reason: string) => (files.length === 1 ? reason : `${file}: ${reason}`);
  return {
    count: files.reduce((sum, { rejected }) => sum + rejected.count, 0),
    sample: files
      .flatMap(({ file, rejected }) =>
        rejected.sample.map(({ line, reason }) => ({ line, reason: named(file, reason) })),
      )
      .slice(0, MAX_REJECTED_SAMPLE),
  };
}

/** How many of `rows` may be rejected: what the manifest says, else 10 or 1 %, whichever is more. */
export function allowedRejections(declared: number | undefined, rows: number): number {
  return declared ?? Math.max(ALLOWED_ROWS, Math.floor(rows * ALLOWED_SHARE));
}

/** Throws ROWS_REJECTED when more rows were rejected than are allowed, or all of them. `accepted` is how many can be read. */
export function checkRejected(
  rejected: { count: number; sample: RejectedRow[] },
  accepted: number,
  declared: number | undefined,
): void {
  const allowed = allowedRejections(declared, accepted + rejected.count);
  const isLost = accepted === 0 && rejected.count > 0 && declared === undefined;
  if (rejected.count <= allowed && !isLost) return;
  const first = rejected.sample
    .slice(0, TOLD_ROWS)
    .map(({ line, reason }) => `line ${line} ${reason}`)
    .join('; ');
  const limit =
    isLost && rejected.count <= allowed
      ? 'none is left'
      : `at most ${allowed} may be (metadata.tabular.max_rejected_rows)`;
  throw new SluiceError(
    'ROWS_REJECTED',
    `${rejected.count} of ${accepted + rejected.count} rows cannot be read, and ${limit}: ${first}${rejected.count > TOLD_ROWS ? '; …' : ''}.`,
    {
      details: { count: rejected.count, allowed, line: rejected.sample[0]?.line, sample: rejected.sample },
    },
  );
}
