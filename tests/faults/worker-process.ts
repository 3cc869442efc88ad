import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { vi } from 'vitest';
import { describedAssetKey, isCatalogKey } from '#shared/contracts/object-keys.ts';
import type { SluiceEvent } from '#shared/events/event.ts';
import type { Context } from '#shared/runtime/context.ts';
import { scratchRoot } from '#shared/runtime/scratch.ts';
import { loadHandler } from '#shared/runtime/in-process-caller.ts';
import type { Call, Outcome } from './stopped-worker.ts';

/** Longest time that a test waits for one condition, on a busy machine. */
export const TIMEOUT_MS = 60_000;

/**
 * Calls the functions in order, each with the event that the previous one returned. Repeats a call whose step is still
 * claimed, as the router does. Returns the last event.
 */
export async function executeFunctions(
  context: Context,
  functions: readonly string[],
  first: SluiceEvent,
): Promise<SluiceEvent> {
  let event = first;
  for (const name of functions) {
    const handler = await loadHandler(name);
    const reply = await vi.waitFor(() => handler(event, context), { timeout: TIMEOUT_MS, interval: 100 });
    event = reply ?? event;
  }
  return event;
}

/** A process that calls functions and stops during a call (stopped-worker.ts). */
export interface Worker {
  child: ChildProcess;
  /** Starts a call. */
  call(call: Call): void;
  /** Waits for the outcome of the call. */
  outcome(): Promise<Outcome>;
}

export function startWorker(context: Context): Worker {
  const variables = Object.fromEntries(
    Object.entries(context.env).map(([variable, value]) => [variable, String(value ?? '')]),
  );
  const child = spawn('node', [join(import.meta.dirname, 'stopped-worker.ts')], {
    env: { ...process.env, ...variables, LOG_LEVEL: 'silent' },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const outcomes = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    child,
    call: (call) => void child.stdin.write(`${JSON.stringify(call)}\n`),
    outcome: async () => {
      const { value } = await outcomes.next();
      return JSON.parse(value ?? assert.fail('The worker has ended.')) as Outcome;
    },
  };
}

/** True if the process was stopped by a signal: the third field of /proc/PID/stat is T (proc(5)). */
export function isStopped(child: ChildProcess): boolean {
  const stat = readFileSync(`/proc/${child.pid}/stat`, 'utf8');
  return stat.slice(stat.lastIndexOf(')') + 2).startsWith('T');
}

/** Kills a process, and waits until it has ended. */
export async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'close');
  child.kill('SIGKILL');
  await ended;
}

/** Everything durable that a worker of the run can write. */
export async function durableState(
  { ledger, objects, postgis, env }: Context,
  runId: string,
  datasets: readonly string[],
) {
  const run = await ledger.getRun(runId);
  const assets = (await Promise.all(datasets.map((dataset_id) => ledger.listAssets({ dataset_id })))).flat();
  const stored: string[] = [];
  const unregistered: string[] = [];
  for (const bucket of ['landing-zone', 'data-lake']) {
    for await (const { key, etag } of objects.list(bucket, '')) {
      // Catalog documents also depend on other runs.
      if (!isCatalogKey(key)) stored.push(`${bucket}/${key} ${etag}`);
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
