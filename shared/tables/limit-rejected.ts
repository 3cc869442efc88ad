import type { Note } from '#shared/contracts/shared-schemas.ts';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { MAX_REJECTED_SAMPLE, type RejectedRow, type RejectedRows } from './row-writer.ts';

/** The default limit: a few rejected rows do not fail a large file, and a file that is read in the wrong way fails. */
const DEFAULT_LIMIT_ROWS = 10;
const DEFAULT_LIMIT_SHARE = 0.01;
/** Of a small table, at most this share: 10 rows would be most of it. */
const MAX_SHARE_OF_FEW = 1 / 2;
const ROWS_IN_MESSAGE = 3;
/** A number with a comma in a column of numbers. */
const DECIMAL_COMMA = /has "[-+]?\d+,\d+" in column .* of type (?:double|decimal)/;
/** The reasons of DelimitedScanner that name quotes. The value that a reason can end in is in quotes. */
const QUOTES = /(?:closing quote|opens a quote|value in quotes)[^"]*$/;

/** The rejected rows of a run. */
export interface RejectedTotal {
  count: number;
  sample: RejectedRow[];
}

/** The rejected rows of all files. With several files, each reason names its file. */
export function totalRejected(files: readonly { file: string; rejected: RejectedRows }[]): RejectedTotal {
  const named = (file: string, reason: string) => (files.length === 1 ? reason : `(${file}) ${reason}`);
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
 * table whose rows are all rejected fails, too. `files` are those of the run.
 */
export function checkRejected(
  rejected: RejectedTotal,
  accepted: number,
  declared: number | undefined,
  files: readonly string[],
): void {
  const rows = accepted + rejected.count;
  const few = Math.min(DEFAULT_LIMIT_ROWS, Math.floor(rows * MAX_SHARE_OF_FEW));
  const allowed = declared ?? Math.max(few, Math.floor(rows * DEFAULT_LIMIT_SHARE));
  const isNoneLeft = accepted === 0 && rejected.count > 0 && declared === undefined;
  if (!isNoneLeft && rejected.count <= allowed) return;
  const where = files.length === 1 ? `${rows} rows of ${files[0]}` : `${rows} rows of ${files.length} files`;
  const problem = isNoneLeft
    ? 'no row is left'
    : `at most ${allowed} may be rejected (metadata.tabular.max_rejected_rows, --max-rejected)`;
  const { count, sample } = rejected;
  const listed = sample.slice(0, ROWS_IN_MESSAGE).map(({ line, reason }) => `line ${line} ${reason}`);
  const more = sample.length > ROWS_IN_MESSAGE ? '; …' : '';
  throw new SluiceError(
    'ROWS_REJECTED',
    `${count} of ${where} cannot be read; ${problem}: ${listed.join('; ')}${more}.${adviceFor(rejected)}`,
    { details: { count, allowed, line: sample[0]?.line, sample } },
  );
}

/** Settings with which the rows may be readable. */
function adviceFor({ sample }: RejectedTotal): string {
  const isReason = (pattern: RegExp) => sample.some(({ reason }) => pattern.test(reason));
  // Most rows with broken quotes are of files in which quotes have no meaning.
  if (isReason(QUOTES)) return ' If quotes have no meaning in the file, set `quotes` to false (--no-quotes).';
  if (isReason(DECIMAL_COMMA)) return ' If the comma separates decimals, set `decimal_separator` (--decimal ,).';
  return '';
}

/** The note about rejected rows; none without them. */
export function rejectedNotes({ count, sample }: RejectedTotal): Note[] {
  const [first] = sample;
  if (first === undefined) return [];
  const rows = count === 1 ? '1 row was' : `${count} rows were`;
  const message = `${rows} rejected. The first: line ${first.line} ${first.reason}.${adviceFor({ count, sample })}`;
  return [{ code: 'ROWS_REJECTED', message }];
}
