import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { sweepLake } from '#shared/assets/sweep-lake.ts';
import type { RunDocument } from '#shared/ledger/documents.ts';
import { runOfSchema } from '#shared/postgis/run-schema.ts';
import type { Context } from '#shared/runtime/context.ts';
import { runOfScratch, scratchRoot } from '#shared/runtime/scratch.ts';

/**
 * Removes what dead processes left of runs that have ended. A run that is under way keeps everything: its next step, or the
 * archive step at its end, needs or removes it. Nothing here is needed for a right result, so a part that fails is logged and left.
 */
export interface Recovered {
  schemas: number;
  scratch_folders: number;
}

type Parts = Pick<Context, 'env' | 'ledger' | 'log' | 'objects' | 'postgis'>;

/** A worker that was stopped long enough to lose its claim can upload after its run has ended, but not so long after. */
const LATE_UPLOAD_MS = 24 * 3600 * 1000;
/** Runs read at once while looking for those that ended lately. */
const RUNS_PER_PAGE = 100;

/** Drops schemas and scratch folders. `ownPostgis` says that no other Sluice uses the PostGIS server, so a schema without a run is ours. */
export async function recover(parts: Parts, { ownPostgis }: { ownPostgis: boolean }): Promise<Recovered> {
  const [schemas, scratch_folders] = await Promise.all([dropSchemas(parts, ownPostgis), removeScratch(parts)]);
  const recovered = { schemas, scratch_folders };
  if (schemas + scratch_folders > 0) parts.log.warn(recovered, 'Recovery:Leftovers:Removed');
  return recovered;
}

/** Deletes objects of runs that ended lately and that no asset names. `signal` ends it early. */
export async function sweepLateUploads(parts: Parts, signal: AbortSignal, now = Date.now()): Promise<void> {
  for (let offset = 0; !signal.aborted; offset += RUNS_PER_PAGE) {
    const runs = await parts.ledger.listRuns({ limit: RUNS_PER_PAGE, offset });
    for (const run of runs.filter(hasEnded)) await sweepLake(run, parts);
    // Newest first, by when they began; a run that began long ago and ended lately was swept by its own archive step.
    const last = runs.at(-1);
    if (runs.length < RUNS_PER_PAGE || last === undefined || now - Date.parse(last.created_at) > LATE_UPLOAD_MS) return;
  }
}

async function dropSchemas({ ledger, postgis, log }: Parts, ownPostgis: boolean): Promise<number> {
  let dropped = 0;
  for (const schema of await postgis.listRunSchemas()) {
    const runId = runOfSchema(schema);
    if (runId === undefined || !(await isOver(ledger, runId, ownPostgis))) continue;
    await postgis.dropSchema(runId);
    log.warn({ run_id: runId, schema }, 'Schema:Sweep:Dropped');
    dropped += 1;
  }
  return dropped;
}

async function removeScratch({ ledger, env, log }: Parts): Promise<number> {
  const root = scratchRoot(env);
  let removed = 0;
  for (const name of await readdir(root).catch(() => [])) {
    const runId = runOfScratch(name);
    if (runId === undefined || !(await isOver(ledger, runId, false))) continue;
    await rm(join(root, name), { recursive: true, force: true });
    log.warn({ run_id: runId, folder: name }, 'Scratch:Sweep:Removed');
    removed += 1;
  }
  return removed;
}

async function isOver(ledger: Parts['ledger'], runId: string, whenUnknown: boolean): Promise<boolean> {
  const run = await ledger.getRun(runId);
  return run === undefined ? whenUnknown : hasEnded(run);
}

function hasEnded(run: RunDocument): boolean {
  return run.status !== 'running';
}
