import { trimEndOf } from './truncate.ts';

/** Characters of a message of a library. PostgreSQL and DuckDB quote values of any length. */
const MAX_REASON = 1_000;
const SENTENCE_END = ' \t\r\n.;:,';

/**
 * The message of an error of a library or program, without a final full stop, for use inside a sentence. A long message
 * is cut off.
 */
export function reasonOf(thrown: unknown): string {
  const message = thrown instanceof Error ? thrown.message || thrown.name : String(thrown);
  return message.length > MAX_REASON ? `${message.slice(0, MAX_REASON)}…` : trimEndOf(message, SENTENCE_END);
}
