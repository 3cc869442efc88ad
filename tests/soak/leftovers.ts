import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { isArchived } from '#shared/run-control/resume-run.ts';
import type { Reconciliation } from '#shared/reconcile/reconcile.ts';
import type { Instance } from '../../bench/instance.ts';

/** What must not be left when all runs are archived. Each number is 0 in a correct installation. */
export async function countLeftovers(instance: Instance): Promise<Record<string, number>> {
  const { ledger, objects, landingBucket, postgisUrl, url, home } = instance;
  const client = new pg.Client({ connectionString: postgisUrl });
  await client.connect();
  const count = async (sql: string) =>
    (await client.query<{ n: number }>(`select count(*)::int as n ${sql}`)).rows[0]?.n;
  const runs = await ledger.listRuns({ archived: false, limit: 1_000_000 });
  const json = async (path: string) => (await (await fetch(`${url}${path}`)).json()) as unknown;
  const manifests: string[] = [];
  for await (const { key } of objects.list(landingBucket, 'manifests/')) manifests.push(key);
  const scratch = join(home, 'scratch');
  try {
    return {
      'runs that are not archived': runs.filter((run) => !isArchived(run)).length,
      'steps that hold a claim': runs.flatMap(({ steps }) => steps).filter(({ status }) => status === 'running').length,
      'run schemas': (await count(`from pg_namespace where nspname like 'proc\\_%'`)) ?? -1,
      'tables outside run schemas':
        (await count(`from pg_tables where schemaname = 'public' and tablename <> 'spatial_ref_sys'`)) ?? -1,
      'scratch folders': existsSync(scratch) ? readdirSync(scratch).length : 0,
      'manifests that are not archived': manifests.length,
      'dead letters': ((await json('/api/dead-letters?limit=500')) as unknown[]).length,
      discrepancies: ((await json('/api/reconcile?deep=true')) as Reconciliation).findings.length,
    };
  } finally {
    await client.end();
  }
}
