import pg from 'pg';
import { DEFAULT_LIMIT } from '../ledger.ts';
import type { Statement } from './database.ts';

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

/** Condition that is true for assets that are not removed. */
export const EXISTS = "not doc ? 'removed'";
/** Condition that is true for assets that have their catalog records. */
export const COMPLETE = "doc ->> 'stac_key' is not null";

/**
 * The fence of a write: the run's row, locked until the statement ends, while currentClaim() in `$2` holds for run
 * `$1`. A statement writes only when this common table expression has a row.
 */
export const CLAIM_HELD =
  'claim as materialized (select _id from ledger.runs where run_id = $1 and doc @> $2::jsonb for update)';

export interface ListRequest {
  /** Columns and their values; undefined values are ignored. */
  equal: Record<string, string | undefined>;
  /** A further SQL condition without parameters. */
  where?: string | undefined;
  /** Conditions on one value each; those with an undefined value are ignored. */
  matching?: { condition: (parameter: string) => string; value: string | undefined }[];
  newestBy: string;
  limit?: number | undefined;
  offset?: number | undefined;
}

/**
 * The statement that lists a collection, newest first. It contains only the requested conditions, so that PostgreSQL
 * can use their index.
 */
export function listOf(collection: string, request: ListRequest): Statement & { values: unknown[] } {
  const equal = Object.entries(request.equal).filter((entry): entry is [string, string] => entry[1] !== undefined);
  const conditions = equal.map(([column], index) => `${pg.escapeIdentifier(column)} = $${index + 1}`);
  if (request.where !== undefined) conditions.push(request.where);
  const values = equal.map(([, value]) => value);
  for (const { condition, value } of request.matching ?? []) {
    if (value === undefined) continue;
    values.push(value);
    conditions.push(condition(`$${values.length}`));
  }
  const where = conditions.length === 0 ? '' : ` where ${conditions.join(' and ')}`;
  const order = `${pg.escapeIdentifier(request.newestBy)} desc, _id`;
  return {
    text:
      `select doc from ledger.${pg.escapeIdentifier(collection)}${where} order by ${order} ` +
      `limit $${values.length + 1} offset $${values.length + 2}`,
    values: [...values, request.limit ?? DEFAULT_LIMIT, request.offset ?? 0],
  };
}
