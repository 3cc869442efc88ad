import { ObjectId } from 'mongodb';
import { storableJson } from '#shared/text/storable.ts';
import type { CollectionName, Documents } from '../collections.ts';
import { type AssetDocument, ObjectIdSchema, type RunDocument } from '../documents.ts';

/**
 * The documents of the ledger as MongoDB stores them: ids are ObjectIds, and the internal fields are added. Everything
 * else is the same as in the documents of the port. Times are texts, because their precision must not change.
 */

/** A document as stored. Its fields are read by name only here and in the queries. */
export type Stored = Record<string, unknown> & { _id: ObjectId };

/** The fields that are ObjectIds in MongoDB, and hexadecimal texts in the port. A list contains such values. */
export const OBJECT_ID_FIELDS: Record<CollectionName, readonly string[]> = {
  manifests: ['_id'],
  runs: ['_id', 'manifest_id', 'asset_ids'],
  assets: ['_id', 'run_id', 'parents'],
  lineage: ['_id', 'asset_id', 'source.asset_id'],
  activity_logs: ['_id'],
  datasets: ['_id'],
};

/**
 * Fields of stored documents that the port does not have, with their part of the validator.
 *
 * - `_write`: changed by every write that locks the document in a transaction, so that two such transactions conflict.
 * - `_archived`: of a run, whether its archive step is done. `_purge_due`: of a removed asset whose objects exist. Both
 *   are for indexes.
 */
export const INTERNAL_FIELDS = {
  _write: { bsonType: 'objectId' },
  _archived: { bsonType: 'bool' },
  _purge_due: { bsonType: 'bool' },
} as const;

/** The document as it is stored. Throws REQUEST_INVALID for text that cannot be stored. */
export function toStored<N extends CollectionName>(name: N, document: Documents[N]): Stored {
  const stored = convertIds(name, { ...storedValue<object>(document) }, (id) =>
    ObjectId.createFromHexString(id as string),
  );
  return Object.assign(stored, internalFields(name, document)) as Stored;
}

/** The document of the ledger from its form in MongoDB. */
export function fromStored<N extends CollectionName>(name: N, stored: Stored): Documents[N] {
  const document = convertIds(name, { ...stored }, (id) => (id as ObjectId).toHexString());
  for (const field of Object.keys(INTERNAL_FIELDS)) Reflect.deleteProperty(document, field);
  return document as unknown as Documents[N];
}

/** An id in a query. A text that is not an id is not converted, so that the query finds nothing. */
export function objectId(hex: string): ObjectId {
  return ObjectIdSchema.safeParse(hex).success ? ObjectId.createFromHexString(hex) : (hex as unknown as ObjectId);
}

/** A value as it is stored. Throws REQUEST_INVALID for text that cannot be stored. */
export function storedValue<T>(value: T): T {
  return JSON.parse(storableJson(value)) as T;
}

function internalFields(name: CollectionName, document: object): Record<string, unknown> {
  if (name === 'runs') {
    const { steps } = document as RunDocument;
    return { _archived: steps.some((step) => step.name === 'archive' && step.status === 'done') };
  }
  const { removed, purged_at } = document as Partial<AssetDocument>;
  return removed !== undefined && purged_at === undefined ? { _purge_due: true } : {};
}

function convertIds(
  name: CollectionName,
  document: Record<string, unknown>,
  convert: (id: unknown) => unknown,
): Record<string, unknown> {
  for (const path of OBJECT_ID_FIELDS[name]) {
    const [field = '', below] = path.split('.');
    const value = document[field];
    if (value === undefined || value === null) continue;
    if (Array.isArray(value)) document[field] = value.map(convert);
    else if (below === undefined) document[field] = convert(value);
    else {
      const nested = { ...(value as Record<string, unknown>) };
      if (nested[below] !== undefined) document[field] = { ...nested, [below]: convert(nested[below]) };
    }
  }
  return document;
}
