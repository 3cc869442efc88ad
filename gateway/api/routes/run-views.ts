import { z } from 'zod';
import { type RunView } from '#shared/api/views.ts';
import { publicUrl } from '#shared/config/env.ts';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import type { RunDocument } from '#shared/ledger/documents.ts';
import { runView } from '#shared/api/create-views.ts';
import type { GatewayDeps } from '../deps.ts';

/** Throws RUN_NOT_FOUND. */
export async function findRun({ ledger }: Pick<GatewayDeps, 'ledger'>, runId: string): Promise<RunDocument> {
  const run = z.uuid().safeParse(runId).success ? await ledger.getRun(runId) : undefined;
  if (run === undefined)
    throw new SluiceError('RUN_NOT_FOUND', `Run ${runId} does not exist.`, { details: { run_id: runId } });
  return run;
}

/** Limit of assets in the view of a run. The assets of a dataset list the others. */
const MAX_ASSETS = 100;

/** The views of runs with their assets, in the same order. Uses one query for the assets of all runs. */
export async function viewsOfRuns(
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
