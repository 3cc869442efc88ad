import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openPostgresLedger } from '#shared/ledger/postgres/postgres-ledger.ts';
import { openStoredPostgresLedger } from '#shared/ledger/postgres/stored-ledger.ts';
import { insertManyRuns } from '../fixtures/large-ledger.ts';
import { createDatabase } from '../servers.ts';
import { callEveryQuery } from './every-query.ts';

/** Enough rows that PostgreSQL prefers an index to reading a table. SLUICE_TEST_ALL uses a ledger of a large lake. */
const RUNS = process.env.SLUICE_TEST_ALL === undefined ? 5_000 : 100_000;
/** Rows that a query may sort or read one by one. Lists return at most 50 documents. */
const MAX_ROWS = 1_000;
/** Tables that grow with the number of runs. A list of all datasets reads all of them. */
const LARGE = /^(?:manifests|runs|assets|lineage|activity_logs)$/;
/** Without an `Index Cond`, they read the whole index. */
const INDEX_SCAN = /^(?:Index Scan|Index Only Scan|Bitmap Index Scan)$/;

interface Plan {
  'Node Type': string;
  'Relation Name'?: string;
  'Plan Rows': number;
  'Index Cond'?: string;
  Filter?: string;
  Plans?: Plan[];
}

/** `limited`: a Limit above the node ends its reading early. `table`: the table of the node above. */
interface Above {
  limited: boolean;
  table?: string | undefined;
}

let database: Awaited<ReturnType<typeof createDatabase>>;
let client: pg.Client;
beforeAll(async () => {
  database = await createDatabase();
  const stored = await openStoredPostgresLedger(database.url);
  await insertManyRuns(stored, RUNS);
  await stored.close();
  client = new pg.Client({ connectionString: database.url });
  await client.connect();
  await client.query('analyze');
}, 600_000);
afterAll(async () => {
  await client.end();
  await database.drop();
});

test('no query of the ledger reads or sorts a large table, or reads a whole index of it', async () => {
  const statements = await recordStatements(async () => {
    const ledger = await openPostgresLedger(database.url);
    await callEveryQuery(ledger);
    await ledger.close();
  });
  const slow: string[] = [];
  for (const [text, values] of statements) {
    const { rows } = await client.query<{ 'QUERY PLAN': [{ Plan: Plan }] }>(`explain (format json) ${text}`, values);
    slow.push(
      ...slowNodes(rows[0]!['QUERY PLAN'][0].Plan).map(
        (node) => `${node['Node Type']} of ${node['Plan Rows']} rows: ${text}`,
      ),
    );
  }
  expect(statements.size).toBeGreaterThan(40);
  expect(slow).toEqual([]);
});

/** The nodes of a plan that read or sort too much. */
function slowNodes(node: Plan, above: Above = { limited: false }): Plan[] {
  const type = node['Node Type'];
  const readsAll = type.endsWith('Sort') || /Aggregate|Hash|Bitmap/.test(type);
  const limited = type === 'Limit' || (above.limited && !readsAll);
  const below = (node.Plans ?? []).flatMap((each) => slowNodes(each, { limited, table: node['Relation Name'] }));
  return isSlow(node, above) ? [node, ...below] : below;
}

function isSlow(node: Plan, { limited, table = '' }: Above): boolean {
  const type = node['Node Type'];
  // The table of a Bitmap Index Scan is that of the node above it.
  const isLarge = LARGE.test(node['Relation Name'] ?? table);
  if (type === 'Seq Scan') return isLarge;
  if (INDEX_SCAN.test(type) && node['Index Cond'] === undefined) return isLarge && !endsEarly(node, limited);
  return type.endsWith('Sort') && node['Plan Rows'] > MAX_ROWS && !isOfDatasets(node);
}

/** A scan of a whole index that reads few entries. */
function endsEarly(node: Plan, limited: boolean): boolean {
  const passesMost = node.Filter === undefined || node['Plan Rows'] > RUNS / 2;
  const isSmallIndex = node.Filter === undefined && node['Plan Rows'] <= MAX_ROWS;
  return (limited && passesMost) || isSmallIndex;
}

/** The list of all datasets is sorted by its names. */
function isOfDatasets(node: Plan): boolean {
  return nodesOf(node).some((below) => below['Relation Name'] === 'datasets');
}

function nodesOf(plan: Plan): Plan[] {
  return [plan, ...(plan.Plans ?? []).flatMap(nodesOf)];
}

/** The statements on the ledger that the driver sends during `work`, with the values of the first call. */
async function recordStatements(work: () => Promise<void>): Promise<Map<string, unknown[]>> {
  const recorded = new Map<string, unknown[]>();
  const prototype = pg.Client.prototype as { query: (...args: unknown[]) => unknown };
  const { query } = prototype;
  prototype.query = function record(this: unknown, ...args: unknown[]) {
    const [{ text = '', values = [] }] = args as [{ text?: string; values?: unknown[] }];
    if (/^\s*(?:with|select|insert|update|delete)\b[^]*ledger\./i.test(text) && !recorded.has(text))
      recorded.set(text, values);
    return query.apply(this, args);
  };
  try {
    await work();
  } finally {
    prototype.query = query;
  }
  return recorded;
}
