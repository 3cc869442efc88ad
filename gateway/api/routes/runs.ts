import { randomUUID } from 'node:crypto';
import { type Handler, Hono } from 'hono';
import { z } from 'zod';
import { activityView, manifestView, runView } from '#shared/api/create-views.ts';
import type { RunView } from '#shared/api/views.ts';
import { publicUrl } from '#shared/config/env.ts';
import { LANES } from '#shared/contracts/lanes.ts';
import { STATUSES } from '#shared/contracts/statuses.ts';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { STRUCTURED } from '#shared/events/http.ts';
import { readManifestObject } from '#shared/landing/uploaded-manifest.ts';
import type { ManifestDocument, RunDocument } from '#shared/ledger/documents.ts';
import { cancelRun } from '#shared/run-control/end-run.ts';
import { rerun } from '#shared/run-control/rerun.ts';
import { visibleText } from '#shared/text/visible-text.ts';
import { inSpan } from '#shared/tracing/tracing.ts';
import type { GatewayDeps } from '../deps.ts';
import { eventOfFunction } from '../event-of-function.ts';
import { noQuery, operatorOf, PAGE, parseQuery, readJson } from '../http/request-fields.ts';
import { followRun } from './follow-run.ts';

/** Stored times are in UTC with milliseconds, and compared as text. */
const TimeQuery = z.iso.datetime({ offset: true }).transform((time) => new Date(time).toISOString());
const RunsQuery = z.strictObject({
  ...PAGE,
  status: z.enum(STATUSES).optional(),
  batch_id: z.string().optional(),
  dataset_id: z.string().optional(),
  lane: z.enum(LANES).optional(),
  text: z.string().optional(),
  since: TimeQuery.optional(),
  until: TimeQuery.optional(),
});
const BatchQuery = z.strictObject({ manifest_key: z.string().optional() });

/**
 * Runs and batches. Unknown ids are 404 RUN_NOT_FOUND and BATCH_NOT_FOUND; a batch is unknown until its manifest was
 * read.
 *
 * GET /api/runs?status&batch_id&dataset_id&lane&text&since&until&limit&offset returns RunView[], newest first, see
 * RunFilter.
 * GET /api/runs/:run_id returns a RunView.
 * GET /api/runs/:run_id/events returns server-sent events, see followRun.
 * GET /api/runs/:run_id/log returns its lines in the log, see logHandlers.
 * GET /api/runs/:run_id/manifest returns the validated manifest, with the defaults of absent fields.
 * GET /api/runs/:run_id/steps/:step/event returns the CloudEvent for a call of a function, see eventOfFunction.
 * GET /api/batches/:batch_id?manifest_key returns the RunView of the newest run of the batch, or of the rejected
 * manifest. With `manifest_key`, it is the newest upload under that key, even if another manifest has the batch_id.
 * GET /api/batches/:batch_id/events?manifest_key returns server-sent events, see followRun.
 */
export function runRoutes(deps: GatewayDeps, runLog: Handler): Hono {
  const { ledger } = deps;
  const view = (run: RunDocument) => viewOfRun(deps, run);
  return new Hono()
    .get('/api/runs', async (c) => c.json(await viewsOfRuns(deps, await ledger.listRuns(parseQuery(RunsQuery, c)))))
    .get('/api/runs/:run_id', noQuery, async (c) => c.json(await view(await findRun(deps, c.req.param('run_id')))))
    .get('/api/runs/:run_id/events', noQuery, async (c) => {
      const { run_id } = await findRun(deps, c.req.param('run_id'));
      return followRun(c, { ...deps, read: async () => view(await findRun(deps, run_id)) });
    })
    .get('/api/runs/:run_id/log', runLog)
    .get('/api/runs/:run_id/manifest', noQuery, async (c) =>
      c.json((await findRun(deps, c.req.param('run_id'))).manifest),
    )
    .get('/api/runs/:run_id/steps/:step/event', noQuery, async (c) => {
      const event = await eventOfFunction(c.req.param('step'), await findRun(deps, c.req.param('run_id')), deps);
      return c.body(JSON.stringify(event), 200, { 'content-type': STRUCTURED });
    })
    .get('/api/batches/:batch_id', async (c) => {
      const batchId = c.req.param('batch_id');
      const manifestKey = parseQuery(BatchQuery, c).manifest_key;
      const found = await viewOfBatch(deps, { batchId, manifestKey, signal: c.req.raw.signal });
      if (found === undefined)
        throw new SluiceError(
          'BATCH_NOT_FOUND',
          `No manifest with the batch_id ${JSON.stringify(batchId)} was read yet.`,
          { details: { batch_id: batchId } },
        );
      return c.json(found);
    })
    .get('/api/batches/:batch_id/events', (c) => {
      const batchId = c.req.param('batch_id');
      const request = { batchId, manifestKey: parseQuery(BatchQuery, c).manifest_key, signal: c.req.raw.signal };
      let runId: string | null = null;
      const read = async () => {
        if (runId !== null) return view(await findRun(deps, runId));
        const found = await viewOfBatch(deps, request);
        runId = found?.run_id ?? null;
        return found;
      };
      return followRun(c, { ...deps, read });
    });
}

interface BatchRequest {
  batchId: string;
  manifestKey: string | undefined;
  signal: AbortSignal;
}

async function viewOfBatch(deps: GatewayDeps, request: BatchRequest): Promise<RunView | undefined> {
  const { batchId, manifestKey, signal } = request;
  const manifest =
    manifestKey === undefined
      ? await deps.ledger.findManifestByBatch(batchId)
      : await newestUpload(deps, batchId, manifestKey, signal);
  if (manifest === undefined) return undefined;
  const [run] = manifest.run_id === null ? [] : await deps.ledger.listRuns({ batch_id: batchId, limit: 1 });
  return run === undefined ? manifestView(manifest) : viewOfRun(deps, run);
}

/** The newest upload under a manifest key. Undefined until it was read, even if the ledger has older ones. */
async function newestUpload(
  { ledger, objects, env }: GatewayDeps,
  batchId: string,
  manifestKey: string,
  signal: AbortSignal,
): Promise<ManifestDocument | undefined> {
  const uploaded = await readManifestObject(objects, env.LANDING_BUCKET, manifestKey, signal);
  const manifests = (await ledger.findManifestsByKey(manifestKey)).filter(({ batch_id, claimed_batch_id }) =>
    [batchId, null].includes(batch_id ?? claimed_batch_id),
  );
  // The archive step removes a manifest, so an existing object is newer than all archived manifests of its key.
  return uploaded === undefined
    ? manifests[0]
    : manifests.find(({ sha256, archive_key }) => sha256 === uploaded.sha256 && archive_key === null);
}

/** Reads the run from the ledger. Throws RUN_NOT_FOUND. */
export async function findRun({ ledger }: Pick<GatewayDeps, 'ledger'>, runId: string): Promise<RunDocument> {
  const run = z.uuid().safeParse(runId).success ? await ledger.getRun(runId) : undefined;
  if (run === undefined)
    throw new SluiceError('RUN_NOT_FOUND', `Run ${runId} does not exist.`, { details: { run_id: runId } });
  return run;
}

/** Maximum number of assets in the view of a run. GET /api/assets returns the others. */
const MAX_ASSETS = 100;

/** The views of runs with their assets, in the same order. Uses one query for the assets of all runs. */
async function viewsOfRuns(
  { ledger, env }: Pick<GatewayDeps, 'ledger' | 'env'>,
  runs: RunDocument[],
): Promise<RunView[]> {
  const shownIds = (run: RunDocument) => run.asset_ids.slice(0, MAX_ASSETS);
  const assets = new Map((await ledger.getAssets(runs.flatMap(shownIds))).map((asset) => [asset._id, asset]));
  const assetsOf = (run: RunDocument) => shownIds(run).flatMap((id) => assets.get(id) ?? []);
  return runs.map((run) => runView(run, assetsOf(run), publicUrl(env)));
}

/** The view of a run with its assets. */
export async function viewOfRun(deps: Pick<GatewayDeps, 'ledger' | 'env'>, run: RunDocument): Promise<RunView> {
  const [view] = await viewsOfRuns(deps, [run]);
  return view as RunView;
}

const MAX_REQUEST_ID_CHARACTERS = 128;
const RerunBody = z.strictObject({
  request_id: visibleText(MAX_REQUEST_ID_CHARACTERS, { identifier: true }).optional(),
  force: z.boolean().default(false),
});

/**
 * Actions of an operator on a run. Both return a RunView; an unknown id is 404 RUN_NOT_FOUND.
 *
 * POST /api/runs/:run_id/rerun `{request_id?, force?}` starts a new run of the same manifest and returns 201. A
 * repeated request_id returns the run of the first request with 200. A running run is 409 TRANSITION_ILLEGAL. Without
 * `force`, the run links an existing asset of the same input.
 *
 * POST /api/runs/:run_id/cancel ends the run with status canceled. A repeated request returns the same. A run that
 * ended with another status is 409 TRANSITION_ILLEGAL.
 */
export function runActionRoutes(deps: GatewayDeps): Hono {
  return new Hono()
    .post('/api/runs/:run_id/rerun', noQuery, async (c) => {
      const { run_id } = await findRun(deps, c.req.param('run_id'));
      const { request_id, force } = await readJson(c.req.raw, RerunBody);
      const request = { operator: operatorOf(c), requestId: request_id ?? randomUUID(), force };
      const { run, created } = await inTrace(deps, run_id, (traceparent) =>
        rerun(run_id, { ...request, traceparent }, deps),
      );
      return c.json(await viewOfRun(deps, run), created ? 201 : 200);
    })
    .post('/api/runs/:run_id/cancel', noQuery, async (c) => {
      const { run_id } = await findRun(deps, c.req.param('run_id'));
      return c.json(await viewOfRun(deps, await cancelRun(run_id, operatorOf(c), deps)));
    });
}

/** A rerun begins a trace, as an upload does. */
function inTrace<T>({ tracing }: GatewayDeps, rerunOf: string, work: (traceparent?: string) => Promise<T>): Promise<T> {
  if (tracing === undefined) return work();
  const options = { kind: 'producer', attributes: { 'sluice.rerun_of': rerunOf } } as const;
  return inSpan(tracing, 'rerun', options, ({ traceparent }) => work(traceparent));
}

const ActivityQuery = z.strictObject({ ...PAGE, batch_id: z.string().optional() });
const RunActivityQuery = z.strictObject(PAGE);

/**
 * The activity log, newest first:
 * GET /api/activity?batch_id&limit&offset and
 * GET /api/runs/:run_id/activity?limit&offset return ActivityView[].
 */
export function activityRoutes(deps: GatewayDeps): Hono {
  const { ledger } = deps;
  return new Hono()
    .get('/api/activity', async (c) =>
      c.json((await ledger.listActivity(parseQuery(ActivityQuery, c))).map(activityView)),
    )
    .get('/api/runs/:run_id/activity', async (c) => {
      const { run_id } = await findRun(deps, c.req.param('run_id'));
      return c.json((await ledger.listActivity({ ...parseQuery(RunActivityQuery, c), run_id })).map(activityView));
    });
}
