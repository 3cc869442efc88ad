import { deleteUnregisteredObjects } from '#shared/assets/remove-assets.ts';
import { asSluiceError } from '#shared/errors/sluice-error.ts';
import type { RunDocument } from '#shared/ledger/documents.ts';
import type { PostgisServer } from '#shared/postgis/postgis.ts';
import { runOfSchema } from '#shared/postgis/run-schema.ts';
import type { Context } from '#shared/runtime/context.ts';
import { deleteScratchFolders } from '#shared/runtime/scratch.ts';
import { runPages } from './run-pages.ts';

/** Working data (run schemas, scratch folders) that was deleted. */
export interface DeletedWorkingData {
  schemas: number;
  scratch_folders: number;
}

type Services = Pick<Context, 'env' | 'ledger' | 'log' | 'objects' | 'postgis'>;

/** A stopped worker can upload an object after its run has ended, but not later than this. */
const LATE_UPLOAD_MS = 24 * 3600 * 1000;

/**
 * Deletes schemas of ended runs and scratch folders (deleteScratchFolders), which crashed processes could not delete.
 * Schemas of running runs are kept: their next step needs them, or their archive step deletes them. `ownPostgis`: no
 * other installation uses the PostGIS server, so that a schema of an unknown run is deleted, too.
 */
export async function deleteWorkingData(
  services: Services,
  { ownPostgis }: { ownPostgis: boolean },
): Promise<DeletedWorkingData> {
  const [schemas, scratch_folders] = await Promise.all([
    dropSchemas(services, ownPostgis),
    deleteScratchFolders(services),
  ]);
  const deleted = { schemas, scratch_folders };
  if (schemas + scratch_folders > 0) services.log.warn(deleted, 'WorkingData:Delete:Done');
  return deleted;
}

/**
 * Deletes objects that workers uploaded after their run had ended and that no asset registers. `signal` ends it early.
 */
export async function deleteLateUploads(services: Services, signal: AbortSignal, now = Date.now()): Promise<void> {
  if (signal.aborted) return;
  for await (const runs of runPages(services.ledger)) {
    for (const run of runs.filter(hasEnded)) await deleteUnregisteredObjects(run, services);
    // The list is newest first. Objects of runs that started earlier were deleted by their archive step.
    const last = runs.at(-1);
    if (signal.aborted || last === undefined || now - Date.parse(last.created_at) > LATE_UPLOAD_MS) return;
  }
}

/** A server that does not respond keeps its schemas until the next call, and does not delay the other servers. */
async function dropSchemas(services: Services, ownPostgis: boolean): Promise<number> {
  const { postgis, log } = services;
  const results = await Promise.allSettled(
    postgis.servers.map((server) => dropSchemasOn(server, services, ownPostgis)),
  );
  let dropped = 0;
  for (const [index, result] of results.entries()) {
    if (result.status === 'fulfilled') dropped += result.value;
    else if (results.length === 1) throw result.reason;
    else
      log.warn(
        { server: postgis.servers[index]?.name, error: asSluiceError(result.reason).toDocument() },
        'Schema:Drop:Failed',
      );
  }
  return dropped;
}

async function dropSchemasOn(server: PostgisServer, { ledger, log }: Services, ownPostgis: boolean): Promise<number> {
  let dropped = 0;
  for (const schema of await server.listRunSchemas()) {
    const runId = runOfSchema(schema);
    if (runId === undefined || !(await isDeletable(ledger, runId, ownPostgis))) continue;
    await server.dropSchema(runId);
    log.warn({ run_id: runId, schema, server: server.name }, 'Schema:Drop:Done');
    dropped += 1;
  }
  return dropped;
}

/** True when the run has ended; `whenUnknown` for a run that is not in the ledger. */
async function isDeletable(ledger: Services['ledger'], runId: string, whenUnknown: boolean): Promise<boolean> {
  const run = await ledger.getRun(runId);
  return run === undefined ? whenUnknown : hasEnded(run);
}

function hasEnded(run: RunDocument): boolean {
  return run.status !== 'running';
}
