import { Hono } from 'hono';
import { z } from 'zod';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { STATUSES, type RunDocument } from '#shared/ledger/documents.ts';
import type { GatewayDeps } from '../deps.ts';
import { manifestView, type RunView } from '../views.ts';
import { findRun, viewOfRun, viewsOfRuns } from './find-run.ts';
import { followRun } from './follow.ts';
import { PAGE, parseQuery } from './query.ts';

const RunsQuery = z.strictObject({ ...PAGE, status: z.enum(STATUSES).optional(), batch_id: z.string().optional(), dataset_id: z.string().optional() });
/** `manifest_key` tells two manifests apart that named the same batch: the one that got it, and the one that was refused. */
const BatchQuery = z.strictObject({ manifest_key: z.string().optional() });

/**
 * GET /api/runs?status&batch_id&dataset_id&limit&offset: RunView[], newest first.
 * GET /api/runs/:run_id: RunView; 404 RUN_NOT_FOUND.
 * GET /api/batches/:batch_id?manifest_key: RunView of the batch's newest run, or of the manifest that was rejected; 404 BATCH_NOT_FOUND while neither has been seen.
 * GET /api/runs/:run_id/events and /api/batches/:batch_id/events?manifest_key: server-sent events, see followRun.
 */
export function runRoutes(deps: GatewayDeps): Hono {
  const { ledger, log } = deps;
  const view = (run: RunDocument) => viewOfRun(deps, run);
  return new Hono()
    .get('/api/runs', async (c) => c.json(await viewsOfRuns(deps, await ledger.listRuns(parseQuery(RunsQuery, c.req.query())))))
    .get('/api/runs/:run_id', async (c) => c.json(await view(await findRun(deps, c.req.param('run_id')))))
    .get('/api/runs/:run_id/events', async (c) => {
      const { run_id } = await findRun(deps, c.req.param('run_id'));
      return followRun(c, { ledger, log, read: async () => view(await findRun(deps, run_id)) });
    })
    .get('/api/batches/:batch_id', async (c) => {
      const batchId = c.req.param('batch_id');
      const found = await viewOfBatch(deps, batchId, parseQuery(BatchQuery, c.req.query()).manifest_key);
      if (found === undefined) throw new SluiceError('BATCH_NOT_FOUND', `No manifest with the batch_id ${JSON.stringify(batchId)} has been seen yet.`, { details: { batch_id: batchId } });
      return c.json(found);
    })
    .get('/api/batches/:batch_id/events', (c) => {
      const { manifest_key } = parseQuery(BatchQuery, c.req.query());
      return followRun(c, { ledger, log, read: () => viewOfBatch(deps, c.req.param('batch_id'), manifest_key) });
    });
}

async function viewOfBatch(deps: GatewayDeps, batchId: string, manifestKey: string | undefined): Promise<RunView | undefined> {
  const [run] = await deps.ledger.listRuns({ batch_id: batchId, limit: 1 });
  if (run !== undefined && (manifestKey === undefined || run.tags.manifest_key === manifestKey)) return viewOfRun(deps, run);
  const manifest = manifestKey === undefined ? await deps.ledger.findManifestByBatch(batchId) : (await deps.ledger.findManifestsByKey(manifestKey))[0];
  return manifest === undefined || manifest.run_id !== null ? undefined : manifestView(manifest);
}
