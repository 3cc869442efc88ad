import type { Note } from '#shared/contracts/facts.ts';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { MAX_REJECTED_SAMPLE, type RejectedRow, type RejectedRows } from './row-writer.ts';

/** The default limit: a few rejected rows do not fail a large file, and a file that is read in the wrong way fails. */
const DEFAULT_LIMIT_ROWS = 10;
const DEFAULT_LIMIT_SHARE = 0.01;
/** Of a small table, at most this share: 10 rows would be most of it. */
const MAX_SHARE_OF_FEW = 1 / 2;
const ROWS_IN_MESSAGE = 3;

/** The rejected rows of a run. */
export interface RejectedTotal {
  count: number;
  sample: RejectedRow[];
}

/** The rejected rows of all files. With several files, each reason names its file. */
export function totalRejected(files: readonly { file: string; rejected: RejectedRows }[]): RejectedTotal {
  const named = (file: string, reason: string) => (files.length === 1 ? reason : `${file}: ${reason}`);
  const sample = files.flatMap(({ file, rejected }) =>
    rejected.sample.map(({ line, reason }) => ({ line, reason: named(file, reason) })),
  );
  return {
    count: files.reduce((sum, { rejected }) => sum + rejected.count, 0),
    sample: sample.slice(0, MAX_REJECTED_SAMPLE),
  };
}

/**
 * Throws ROWS_REJECTED when more rows were rejected than `declared` (`max_rejected_rows` of the manifest) or the
 * default limit, which is 10 rows, but at most half of all, or 1 %, whichever is more. Without a declared limit, a
 * table whose rows are all rejected fails, too.
 */
export function checkRejected(rejected: RejectedTotal, accepted: number, declared: number | undefined): void {
  const rows = accepted + rejected.count;
  const few = Math.min(DEFAULT_LIMIT_ROWS, Math.floor(rows * MAX_SHARE_OF_FEW));
  const allowed = declared ?? Math.max(few, Math.floor(rows * DEFAULT_LIMIT_SHARE));
  if (accepted === 0 && rejected.count > 0 && declared === undefined)
    throw rowsRejected(rejected, rows, allowed, 'no row is left');
  if (rejected.count > allowed)
    throw rowsRejected(
      rejected,
      rows,
      allowed,
      `at most ${allowed} may be rejected (metadata.tabular.max_rejected_rows)`,
    );
}

function rowsRejected({ count, sample }: RejectedTotal, rows: number, allowed: number, problem: string): SluiceError {
  const listed = sample.slice(0, ROWS_IN_MESSAGE).map(({ line, reason }) => `line ${line} ${reason}`);
  const more = sample.length > ROWS_IN_MESSAGE ? '; …' : '';
  return new SluiceError(
    'ROWS_REJECTED',
    `${count} of ${rows} rows cannot be read; ${problem}: ${listed.join('; ')}${more}.`,
    { details: { count, allowed, line: sample[0]?.line, sample } },
  );
}

/** The note about rejected rows; none without them. */
export function rejectedNotes({ count, sample }: RejectedTotal): Note[] {
  const [first] = sample;
  if (first === undefined) return [];
  const rows = count === 1 ? '1 row was' : `${count} rows were`;
  return [{ code: 'ROWS_REJECTED', message: `${rows} rejected. The first: line ${first.line} ${first.reason}.` }];
}
