import { type ChildProcess, spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { vi } from 'vitest';
import { describedAssetKey, isCatalogKey } from '#shared/contracts/object-keys.ts';
import type { SluiceEvent } from '#shared/events/event.ts';
import type { Context } from '#shared/runtime/context.ts';
import { loadHandler } from '#shared/runtime/functions.ts';
import { scratchRoot } from '#shared/runtime/scratch.ts';

/** How long anything may take on a busy machine. */
export const PATIENCE_MS = 60_000;

/** Calls the functions in turn with each other's replies; a claim that is still held is waited for, as the router does. */
export async function drive(context: Context, functions: readonly string[], first: SluiceEvent): Promise<SluiceEvent> {
  let event = first;
  for (const name of functions) {
    const handler = await loadHandler(name);
    const reply = await vi.waitFor(() => handler(event, context), { timeout: PATIENCE_MS, interval: 100 });
    event = reply ?? event;
  }
  return event;
}

/** One function at work on one event in a process of its own, which stops before the first write that matches `stopAt`: `NAME (OCCURRENCE)` (stopped-worker.ts). */
export function startWorker(
  context: Context,
  name: string,
  event: SluiceEvent,
  stopAt: string,
): { child: ChildProcess; said(): string } {
  const variables = Object.fromEntries(
    Object.entries(context.env).map(([variable, value]) => [variable, String(value ?? '')]),
  );
  const child = spawn('node', [join(import.meta.dirname, 'stopped-worker.ts')], {
    env: {
      ...process.env,
      ...variables,
      LOG_LEVEL: 'silent',
      WORKER_FUNCTION: name,
      WORKER_EVENT: JSON.stringify(event),
      WORKER_STOP: stopAt,
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let text = '';
  child.stdout?.on('data', (chunk: Buffer) => {
    text += chunk.toString();
  });
  return { child, said: () => text };
}

/** proc(5): the third field is the state, T when stopped by a signal. */
export function isStopped(child: ChildProcess): boolean {
  const stat = readFileSync(`/proc/${child.pid}/stat`, 'utf8');
  return stat.slice(stat.lastIndexOf(')') + 2).startsWith('T');
}

/** Everything durable that a worker of the run could touch. */
export async function state({ ledger, objects, postgis, env }: Context, runId: string, datasets: readonly string[]) {
  const run = await ledger.getRun(runId);
  const assets = (await Promise.all(datasets.map((dataset_id) => ledger.listAssets({ dataset_id })))).flat();
  const stored: string[] = [];
  const unregistered: string[] = [];
  for (const bucket of ['landing-zone', 'data-lake']) {
    for await (const { key, etag } of objects.list(bucket, '')) {
      if (!isCatalogKey(key)) stored.push(`${bucket}/${key} ${etag}`); // Collections and the root follow from all runs.
      if (
        bucket === 'data-lake' &&
        !isCatalogKey(key) &&
        (await ledger.findAssetByKey(describedAssetKey(key))) === undefined
      )
        unregistered.push(key);
    }
  }
  const lineage = await Promise.all(assets.map(({ _id }) => ledger.listLineage(_id)));
  const folders = readdirSync(scratchRoot(env)).filter((name) => name.includes(runId));
  return { run, assets, lineage, stored, unregistered, schemas: await postgis.listRunSchemas(), scratch: folders };
}
