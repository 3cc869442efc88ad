import pg from 'pg';
import type { Statement } from './database.ts';

/** Length of a list when the caller gives no limit. */
export const DEFAULT_LIMIT = 50;

export interface ListRequest {
  /** Columns and their values; undefined values are ignored. */
  equal: Record<string, string | undefined>;
  /** A further condition, without parameters. */
  where?: string | undefined;
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
  const where = conditions.length === 0 ? '' : ` where ${conditions.join(' and ')}`;
  const order = `${pg.escapeIdentifier(request.newestBy)} desc, _id`;
  return {
    text:
      `select doc from ledger.${pg.escapeIdentifier(collection)}${where} order by ${order} ` +
      `limit $${equal.length + 1} offset $${equal.length + 2}`,
    values: [...equal.map(([, value]) => value), request.limit ?? DEFAULT_LIMIT, request.offset ?? 0],
  };
}
