import pg from 'pg';
import type { Statement } from './database.ts';

/** How many documents a list gives when the caller does not say. */
const DEFAULT_LIMIT = 50;

export interface ListRequest {
  /** Columns and what they must be; undefined ones are left out. */
  equal: Record<string, string | undefined>;
  /** A further condition, without values. */
  where?: string | undefined;
  newestBy: string;
  limit?: number | undefined;
  offset?: number | undefined;
}

/** The statement that lists a collection, newest first. Only the conditions that are asked for stand in it, so that their index is used. */
export function listOf(collection: string, request: ListRequest): Statement & { values: unknown[] } {
  const asked = Object.entries(request.equal).filter((entry): entry is [string, string] => entry[1] !== undefined);
  const conditions = asked.map(([column], index) => `${pg.escapeIdentifier(column)} = $${index + 1}`);
  if (request.where !== undefined) conditions.push(request.where);
  const where = conditions.length === 0 ? '' : ` where ${conditions.join(' and ')}`;
  const text = `select doc from ledger.${pg.escapeIdentifier(collection)}${where} order by ${pg.escapeIdentifier(request.newestBy)} desc, _id`;
  return {
    text: `${text} limit $${asked.length + 1} offset $${asked.length + 2}`,
    values: [...asked.map(([, value]) => value), request.limit ?? DEFAULT_LIMIT, request.offset ?? 0],
  };
}
