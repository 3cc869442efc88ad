import { type CommandStartedEvent, type Db, type Document, type IndexDescription, MongoClient } from 'mongodb';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { CollectionName } from '#shared/ledger/collections.ts';
import { Database } from '#shared/ledger/mongodb/database.ts';
import { INDEXES } from '#shared/ledger/mongodb/indexes.ts';
import { mongoLedger } from '#shared/ledger/mongodb/mongodb-ledger.ts';
import { openStoredMongoLedger } from '#shared/ledger/mongodb/stored-ledger.ts';
import { insertManyRuns } from '../fixtures/large-ledger.ts';
import { mongoDatabase, NEEDS_MONGODB } from '../mongodb.ts';
import { callEveryQuery } from './every-query.ts';

/** MongoDB uses an index regardless of the number of documents. SLUICE_TEST_ALL uses a ledger of a large lake. */
const RUNS = process.env.SLUICE_TEST_ALL === undefined ? 300 : 100_000;
/** Documents that a query may read. Lists return at most 50. */
const MAX_DOCUMENTS = 100;
/** The list of all datasets reads all of them. */
const READ_AS_A_WHOLE = 'datasets';

/**
 * The name of the replica set of SecantusDB. It uses no partial indexes, and others only for a query whose conditions
 * are all fields of the index. It explains an update without its condition, and a list without its limit. So only the
 * conditions and orders that have an index are explained there.
 */
const SUBSTITUTE = 'secantus';
/** Commands without a query. Every other one must be known here, so that no query is overlooked. */
const WITHOUT_QUERY = new Set(['insert', 'commitTransaction', 'abortTransaction', 'endSessions', 'ping', 'getMore']);
/** Fields that the explain command does not accept, or that belong to another session. */
const NOT_EXPLAINED = /^(?:\$|lsid|txnNumber|startTransaction|autocommit|writeConcern|readConcern|maxTimeMS)/;

interface Query {
  collection: CollectionName;
  filter: Document;
  sort: Document;
  limit: number;
}

const url = mongoDatabase();
describe.skipIf(url === undefined)(url === undefined ? NEEDS_MONGODB : 'the queries of the ledger in MongoDB', () => {
  let client: MongoClient;
  let db: Db;
  let commands: CommandStartedEvent[];
  beforeAll(
    async () => {
      const stored = await openStoredMongoLedger(url ?? '');
      await insertManyRuns(stored, RUNS);
      await stored.close();
      client = new MongoClient(url ?? '');
      db = client.db();
      commands = await recordCommands(url ?? '');
    },
    120_000 + RUNS * 36,
  );
  afterAll(() => client.close());

  test('have an index that begins with their equality conditions and continues with their order', () => {
    const queries = commands.flatMap(queriesOf);
    expect(new Set(queries.map(({ collection }) => collection))).toEqual(new Set(Object.keys(INDEXES)));
    expect(queries.length).toBeGreaterThan(60);
    expect(queries.filter((query) => servedBy(query) === undefined)).toEqual([]);
  });

  test(`are executed by the server without a scan of a collection of ${RUNS} runs`, async () => {
    const isSubstitute = (await db.command({ hello: 1 })).setName === SUBSTITUTE;
    const explained = isSubstitute ? commands.flatMap(queriesOf).map(findOf) : commands.map(explainable);
    const slow: unknown[] = [];
    for (const command of explained.filter((each) => each !== undefined)) {
      const plan = await db.command({ explain: command, verbosity: 'executionStats' });
      const stages = valuesOf(plan, 'stage');
      expect(stages.length, Object.keys(command)[0]).toBeGreaterThan(0);
      const readsAll = isSubstitute || Object.values(command)[0] === READ_AS_A_WHOLE;
      const examined = readsAll ? 0 : Math.max(0, ...valuesOf(plan, 'totalDocsExamined').map(Number));
      if (stages.includes('COLLSCAN') || examined > MAX_DOCUMENTS) slow.push({ command, stages, examined });
    }
    expect(slow).toEqual([]);
  });
});

/** The command as the server explains it; undefined for a command without a query. */
function explainable(event: CommandStartedEvent): Document | undefined {
  if (queriesOf(event).length === 0) return undefined;
  return Object.fromEntries(Object.entries(event.command).filter(([name]) => !NOT_EXPLAINED.test(name)));
}

/** A query with only the conditions that use an index, and its order if the index has it. */
function findOf(query: Query): Document | undefined {
  const { collection, filter, sort } = query;
  const index = servedBy(query);
  if (index === undefined || index.isPartial) return undefined;
  const conditions = Object.fromEntries(index.prefix.map((field) => [field, filter[field] as unknown]));
  return { find: collection, filter: conditions, sort };
}

/** The commands that the driver sends during the calls of all operations. */
async function recordCommands(url: string): Promise<CommandStartedEvent[]> {
  const database = new Database(url, { monitorCommands: true });
  const commands: CommandStartedEvent[] = [];
  database.client.on('commandStarted', (event) => commands.push(event));
  const ledger = mongoLedger(database);
  await callEveryQuery(ledger);
  await ledger.close();
  return commands;
}

function queriesOf({ commandName, command }: CommandStartedEvent): Query[] {
  if (WITHOUT_QUERY.has(commandName)) return [];
  const collection = command[commandName] as CollectionName;
  const query = (filter: unknown = {}, sort: unknown = {}, limit: unknown = 0) =>
    ({ collection, filter, sort, limit }) as Query;
  switch (commandName) {
    case 'find':
      return [query(command.filter, command.sort, command.limit)];
    case 'findAndModify':
      return [query(command.query, command.sort)];
    case 'update':
      return (command.updates as Document[]).map(({ q }) => query(q));
    case 'aggregate': {
      const [{ $match, $sort }, lookup] = command.pipeline as [Document, Document?];
      const { from, foreignField } = (lookup?.$lookup ?? {}) as Record<string, string>;
      const joined = { ...query({ [foreignField ?? '']: 'x' }), collection: from as CollectionName };
      return from === undefined ? [query($match, $sort)] : [query($match, $sort), joined];
    }
    default:
      throw new Error(`The command ${commandName} is not checked.`);
  }
}

/** Few documents have the same value of these fields. Other conditions are checked on them. */
const FEW = new Set(['assets.run_id', 'assets._purge_due']);

/**
 * The leading fields of an index by which the conditions of a query find its documents in their order, or few of them.
 * Undefined when there is no such index.
 */
function servedBy({ collection, filter, sort, limit }: Query): { prefix: string[]; isPartial: boolean } | undefined {
  const equal = Object.keys(filter).filter((field) => isEquality(field, filter[field]));
  const byId: IndexDescription = { key: { _id: 1 }, unique: true };
  for (const { key, unique = false, partialFilterExpression = {} } of [byId, ...INDEXES[collection]]) {
    if (!isImplied(partialFilterExpression, filter)) continue;
    const isPartial = Object.keys(partialFilterExpression).length > 0;
    const fields = Object.entries(key as Record<string, 1 | -1>);
    const found = fields.findIndex(([field]) => !equal.includes(field));
    const prefix = (found < 0 ? fields : fields.slice(0, found)).map(([field]) => field);
    if (prefix.some((field) => FEW.has(`${collection}.${field}`)) || (unique && found < 0))
      return { prefix, isPartial };
    // Without an equality condition, the documents are those of a range, or the first ones of a list.
    const ranged = fields.slice(prefix.length, prefix.length + 1).flatMap(([field]) => (field in filter ? field : []));
    const isLimited = prefix.length + ranged.length > 0 || limit > 0 || collection === READ_AS_A_WHOLE;
    const isWhole = isLimited && equal.every((field) => prefix.includes(field));
    if (isWhole && isSorted(fields.slice(prefix.length), sort)) return { prefix: [...prefix, ...ranged], isPartial };
  }
  return undefined;
}

/** A value, or a list of ids. Conditions on fields such as `$or` are checked on the documents that the index finds. */
function isEquality(field: string, condition: unknown): boolean {
  if (field.startsWith('$')) return false;
  const [operator] = Object.keys(condition ?? {});
  return operator?.startsWith('$') !== true || operator === '$eq' || (field === '_id' && operator === '$in');
}

/** Whether MongoDB uses a partial index: it infers a condition from an equal value, but not a type from a value. */
function isImplied(partial: Document, filter: Document): boolean {
  return Object.entries(partial).every(([field, wanted]: [string, unknown]) => {
    const { $type } = (wanted ?? {}) as { $type?: string };
    const condition: unknown = filter[field];
    return $type === undefined ? condition === wanted : (condition as { $type?: string } | undefined)?.$type === $type;
  });
}

/** Whether the fields of an index, read in either direction, begin with the order. */
function isSorted(fields: [string, 1 | -1][], sort: Document): boolean {
  const order = sort instanceof Map ? [...(sort as Map<string, 1 | -1>)] : (Object.entries(sort) as [string, 1 | -1][]);
  return [1, -1].some((direction) =>
    order.every(([field, wanted], at) => fields[at]?.[0] === field && fields[at][1] * direction === wanted),
  );
}

/** The values of a field at any depth. */
function valuesOf(value: unknown, field: string): unknown[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, below]) =>
    name === field && typeof below !== 'object' ? [below as unknown] : valuesOf(below, field),
  );
}
