import { randomUUID } from 'node:crypto';
import { type CommandStartedEvent, type Db, type Document, MongoClient, ObjectId } from 'mongodb';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { callEveryQuery } from '../../../tests/contract/every-query.ts';
import { claimed, sampleDraft, sampleEdge } from '../../../tests/contract/samples.ts';
import { admitBatch } from '../../../tests/fixtures/documents.ts';
import { NEEDS_MONGODB, mongoDatabase } from '../../../tests/mongodb.ts';
import { Database } from './database.ts';
import { INDEXES } from './indexes.ts';
import { mongoLedger, openMongoLedger } from './mongodb-ledger.ts';
import { setUp } from './set-up.ts';

const server = mongoDatabase();

describe.skipIf(server === undefined)(server === undefined ? NEEDS_MONGODB : 'with a MongoDB server', () => {
  let client: MongoClient;
  beforeAll(() => {
    client = new MongoClient(server ?? '');
  });
  afterAll(() => client.close());

  /** A database without collections. */
  const newDatabase = () => {
    const name = `test_${randomUUID()}`;
    return { url: mongoDatabase(name) ?? '', db: client.db(name) };
  };

  describe('validators', () => {
    let stored: StoredRun;
    let db: ReturnType<typeof newDatabase>['db'];
    beforeAll(async () => {
      const made = newDatabase();
      db = made.db;
      const ledger = await openMongoLedger(made.url);
      await admitBatch(ledger);
      await ledger.close();
      stored = (await db.collection('runs').findOne({}, { projection: { _id: 0 } })) as unknown as StoredRun;
    });
    const insert = (change: (run: StoredRun) => unknown) => {
      const copy: StoredRun = {
        ...structuredClone(stored),
        run_id: randomUUID(),
        run_key: randomUUID(),
        manifest_id: new ObjectId(),
      };
      change(copy);
      return db.collection('runs').insertOne(copy);
    };

    test('accept a document of the ledger', async () => {
      expect(await insert(() => undefined)).toMatchObject({ acknowledged: true });
    });

    test.each<[string, (run: StoredRun) => unknown]>([
      ['an id that is a text', (run) => (run.manifest_id = new ObjectId().toHexString())],
      ['a text where an integer is required', (run) => (run.fence = '1')],
      ['a fraction where an integer is required', (run) => (run.fence = 1.5)],
      ['a negative token', (run) => (run.fence = -1)],
      ['an unknown status', (run) => (run.status = 'done')],
      ['an unknown status of a step', (run) => (run.steps[0].status = 'success')],
      ['a time that is not ISO 8601', (run) => (run.created_at = 'yesterday')],
      ['a missing field', (run) => Reflect.deleteProperty(run, 'steps')],
      ['a missing field of a step', (run) => delete run.steps[0].owner],
      ['an unknown field', (run) => (run.note = 'x')],
      ['an unknown field of the tags', (run) => (run.tags.note = 'x')],
    ])('reject %s', async (_name, change) => {
      await expect(insert(change)).rejects.toMatchObject({ code: 121 });
    });
  });

  test('ids are ObjectIds, and assets refer to the document of their run', async () => {
    const { url, db } = newDatabase();
    const ledger = await openMongoLedger(url);
    const run = await admitBatch(ledger);
    const claim = await claimed(ledger, run, 'export-geoparquet');
    const asset = await ledger.registerAsset(claim, sampleDraft(run));
    await ledger.insertLineage(claim, [sampleEdge(run, asset._id)]);
    const stored = await db.collection('runs').findOne();
    expect(stored).toMatchObject({ _id: new ObjectId(run._id), asset_ids: [new ObjectId(asset._id)] });
    expect(await db.collection('assets').findOne()).toMatchObject({
      _id: new ObjectId(asset._id),
      run_id: stored?._id,
    });
    expect(await db.collection('lineage').findOne()).toMatchObject({ asset_id: new ObjectId(asset._id) });
    await ledger.close();
  });

  test('every query of the ledger uses an index', async () => {
    const { url } = newDatabase();
    const database = new Database(url, { monitorCommands: true });
    await setUp(database);
    const ledger = mongoLedger(database);
    const queries: Query[] = [];
    database.client.on('commandStarted', (event) => queries.push(...queriesOf(event)));
    await callEveryQuery(ledger);
    const unindexed = queries.filter((query) => !beginsWithIndex(query));
    expect(queries.length).toBeGreaterThan(40);
    expect(unindexed).toEqual([]);
    await ledger.close();
  });

  test('an upgrade changes the validators, and an older release keeps them', async () => {
    const { url, db } = newDatabase();
    await setUpAs(url, { format: 1, release: '1.9.0' });
    await db.command({ collMod: 'datasets', validator: {} });
    await db.collection('ledger_state').updateOne({}, { $set: { definitions: 'of 1.9.0' } });
    const validator = async () => {
      const [collection] = await db.listCollections({ name: 'datasets' }).toArray();
      return (collection as { options?: { validator?: unknown } } | undefined)?.options?.validator;
    };
    await setUpAs(url, { format: 1, release: '1.8.2' });
    expect(await validator()).toEqual({});
    await setUpAs(url, { format: 1, release: '1.10.0' });
    expect(await validator()).toHaveProperty('$jsonSchema');
    expect(await db.collection('ledger_state').findOne()).toMatchObject({ release: '1.10.0' });
  });

  test('a ledger of an earlier format is migrated, by one or several processes', async () => {
    const { url, db } = newDatabase();
    await setUpAs(url, { format: 1, release: '1.0.0' });
    await db.collection('ledger_state').insertOne({ _id: 'tag' as never, value: 'before' });
    const tag = async (target: Db) => {
      await target.collection('ledger_state').updateOne({ _id: 'tag' as never }, { $set: { value: 'after' } });
    };
    const start = async () => {
      const database = new Database(url);
      await setUp(database, [{ format: 2, apply: tag }], { format: 2, release: '2.0.0' });
      await database.close();
    };
    await Promise.all([start(), start()]);
    expect(await db.collection('ledger_state').find().sort({ _id: 1 }).toArray()).toMatchObject([
      { _id: 'current', format: 2, release: '2.0.0' },
      { _id: 'tag', value: 'after' },
    ]);
    await expect(openMongoLedger(url)).rejects.toMatchObject({ code: 'LEDGER_TOO_NEW' });
  });

  test('rejects a ledger of a later format', async () => {
    const { url } = newDatabase();
    await setUpAs(url, { format: 2, release: '2.0.0' });
    await expect(openMongoLedger(url)).rejects.toMatchObject({
      code: 'LEDGER_TOO_NEW',
      message: expect.stringContaining('upgraded to format 2 by Sluice 2.0.0') as string,
    });
  });

  const setUpAs = async (url: string, own: { format: number; release: string }) => {
    const database = new Database(url);
    await setUp(database, [], own);
    await database.close();
  };
});

test('rejects an invalid URL, and does not name its password', async () => {
  const opening = openMongoLedger('mongodb://user:geheim@127.0.0.1:port/sluice');
  await expect(opening).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
  await expect(opening).rejects.not.toThrow(/geheim/);
});

test('a server that does not respond is unavailable', async () => {
  const database = new Database('mongodb://127.0.0.1:9/sluice', { serverSelectionTimeoutMS: 200 });
  await expect(setUp(database)).rejects.toMatchObject({
    code: 'DATABASE_UNAVAILABLE',
    message: expect.stringMatching(/^MongoDB does not respond: .*ECONNREFUSED/) as string,
  });
  await database.close();
});

/** A run as stored, whose fields the tests replace by invalid values. */
type StoredRun = Record<string, unknown> & { steps: [Record<string, unknown>]; tags: Record<string, unknown> };

interface Query {
  collection: string;
  filter: Document;
  /** Fields and directions, as the driver sends them. */
  sort: Map<string, number> | undefined;
}

/**
 * Whether an index begins with a field that the filter compares, or with the order of the sort. The plans of the server
 * are not used, because substitutes for MongoDB report others.
 */
function beginsWithIndex({ collection, filter, sort }: Query): boolean {
  if (!(collection in INDEXES)) return filter._id !== undefined;
  return [{ _id: 1 }, ...INDEXES[collection as keyof typeof INDEXES].map(({ key }) => key)].some((key) => {
    const first = Object.keys(key)[0] ?? '';
    const order = [...(sort ?? [])].map((part) => part.join());
    const isSorted = order.length > 0 && order.every((part, at) => Object.entries(key)[at]?.join() === part);
    return isCompared(filter[first]) || isSorted;
  });
}

/** False for conditions for which an index does not narrow the search. */
function isCompared(condition: unknown): boolean {
  if (condition === undefined) return false;
  const [operator = ''] = Object.keys(condition ?? {});
  return !['$exists', '$ne', '$not', '$nin'].includes(operator);
}

/** The queries of a command that the driver sent. */
function queriesOf({ command }: CommandStartedEvent): Query[] {
  const { find, findAndModify, update, aggregate } = command as Record<string, string | undefined>;
  const query = (collection: string, filter: unknown, sort?: unknown): Query => ({
    collection,
    filter: filter as Document,
    sort: sort as Query['sort'],
  });
  if (find !== undefined) return [query(find, command.filter, command.sort)];
  if (findAndModify !== undefined) return [query(findAndModify, command.query)];
  if (update !== undefined) return (command.updates as { q: Document }[]).map(({ q }) => query(update, q));
  const [stage] = (aggregate === undefined ? [] : command.pipeline) as Document[];
  if (aggregate === undefined || stage === undefined || '$changeStream' in stage) return [];
  return [query(aggregate, stage.$match ?? {}, new Map(Object.entries((stage.$sort ?? {}) as object)))];
}
