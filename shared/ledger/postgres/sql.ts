import pg from 'pg';

/** Parts of SQL statements that several collections use. */

/** A server time in the form of the documents: ISO 8601, UTC, milliseconds. */
export const iso = (time: string): string => `to_char(${time} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`;

/** The current time. now() would be the time before the statement waited for a row lock. */
export const NOW = iso('clock_timestamp()');

/** A constant as a jsonb literal. */
export function jsonb(constant: object): string {
  return `${pg.escapeLiteral(JSON.stringify(constant))}::jsonb`;
}

/** Constants as the list of an IN condition. */
export function listOfTexts(constants: readonly string[]): string {
  return `(${constants.map((text) => pg.escapeLiteral(text)).join(', ')})`;
}

/** True for assets that are not removed. */
export const EXISTS = "not doc ? 'removed'";
/** True for assets that have their catalog records. */
export const COMPLETE = "doc ->> 'stac_key' is not null";

/**
 * The fence of a write: the run's row, locked until the statement ends, while currentClaim() in `$2` holds for run
 * `$1`. A statement writes only when this common table expression has a row.
 */
export const CLAIM_HELD =
  'claim as materialized (select _id from ledger.runs where run_id = $1 and doc @> $2::jsonb for update)';
