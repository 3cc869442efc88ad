import { Hono } from 'hono';
import { z } from 'zod';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { type ManifestDocument, type RunDocument } from '#shared/ledger/documents.ts';
import { readManifestObject } from '#shared/landing/manifest-object.ts';
import type { GatewayDeps } from '../deps.ts';
import { manifestView, type RunView } from '#shared/api/views.ts';
import { STATUSES } from '#shared/contracts/statuses.ts';
import { findRun, viewOfRun, viewsOfRuns } from './run-views.ts';
import { followRun } from './follow-run.ts';
import { noQuery, PAGE, parseQuery } from '../http/request-fields.ts';

const RunsQuery = z.strictObject({
  ...PAGE,
  status: z.enum(STATUSES).optional(),
  batch_id: z.string().optional(),
  dataset_id: z.string().optional(),
});
/** With `manifest_key` the answer is about the newest upload under that key: also when the batch went to another manifest, or the key was used before. */
const BatchQuery = z.strictObject({ manifest_key: z.string().optional() });

/**
 * GET /api/runs?status&batch_id&dataset_id&limit&offset: RunView[], newest first.
 * GET /api/runs/:run_id: RunView; 404 RUN_NOT_FOUND.
 * GET /api/batches/:batch_id?manifest_key: RunView of the batch's newest run, or of the manifest that was rejected; 404 BATCH_NOT_FOUND until it has been read.
 * GET /api/runs/:run_id/events and /api/batches/:batch_id/events?manifest_key: server-sent events, see followRun.
 */
export function runRoutes(deps: GatewayDeps): Hono {
  const { ledger, log } = deps;
  const view = (run: RunDocument) => viewOfRun(deps, run);
  return new Hono()
    .get('/api/runs', async (c) => c.json(await viewsOfRuns(deps, await ledger.listRuns(parseQuery(RunsQuery, c)))))
    .get('/api/runs/:run_id', noQuery, async (c) => c.json(await view(await findRun(deps, c.req.param('run_id')))))
    .get('/api/runs/:run_id/events', noQuery, async (c) => {
      const { run_id } = await findRun(deps, c.req.param('run_id'));
      return followRun(c, { ledger, log, read: async () => view(await findRun(deps, run_id)) });
    })
    .get('/api/batches/:batch_id', async (c) => {
      const batchId = c.req.param('batch_id');
      const found = await viewOfBatch(deps, {
        batchId,
        manifestKey: parseQuery(BatchQuery, c).manifest_key,
        signal: c.req.raw.signal,
      });
      if (found === undefined)
        throw new SluiceError(
          'BATCH_NOT_FOUND',
          `No manifest with the batch_id ${JSON.stringify(batchId)} has been seen yet.`,
          { details: { batch_id: batchId } },
        );
      return c.json(found);
    })
    .get('/api/batches/:batch_id/events', (c) => {
      const request = {
        batchId: c.req.param('batch_id'),
        manifestKey: parseQuery(BatchQuery, c).manifest_key,
        signal: c.req.raw.signal,
      };
      let runId: string | null = null;
      const read = async () => {
        if (runId !== null) return view(await findRun(deps, runId));
        const found = await viewOfBatch(deps, request);
        runId = found?.run_id ?? null;
        return found;
      };
      return followRun(c, { ledger, log, read });
    });
}

interface BatchRequest {
  batchId: string;
  manifestKey: string | undefined;
  signal: AbortSignal;
}

async function viewOfBatch(
  deps: GatewayDeps,
  { batchId, manifestKey, signal }: BatchRequest,
): Promise<RunView | undefined> {
  const manifest =
    manifestKey === undefined
      ? await deps.ledger.findManifestByBatch(batchId)
      : await newestUpload(deps, batchId, manifestKey, signal);
  if (manifest === undefined) return undefined;
  const [run] = manifest.run_id === null ? [] : await deps.ledger.listRuns({ batch_id: batchId, limit: 1 });
  return run === undefined ? manifestView(manifest) : viewOfRun(deps, run);
}

/** The manifest that was uploaded last under a key. Undefined until it has been read: what was there before is not what is asked for. */
async function newestUpload(
  { ledger, objects, env }: GatewayDeps,
  batchId: string,
  manifestKey: string,
  signal: AbortSignal,
): Promise<ManifestDocument | undefined> {
  const landed = await readManifestObject(objects, env.LANDING_BUCKET, manifestKey, signal);
  const known = (await ledger.findManifestsByKey(manifestKey)).filter(({ batch_id, claimed_batch_id }) =>
    [batchId, null].includes(batch_id ?? claimed_batch_id),
  );
  // Archiving takes a manifest away, so one that lies there was uploaded after all that are archived.
  return landed === undefined
    ? known[0]
    : known.find(({ sha256, archive_key }) => sha256 === landed.sha256 && archive_key === null);
}
