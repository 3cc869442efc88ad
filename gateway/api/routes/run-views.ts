import { z } from 'zod';
import { publicUrl } from '#shared/config/env.ts';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import type { RunDocument } from '#shared/ledger/documents.ts';
import type { GatewayDeps } from '../deps.ts';
import { type RunView, runView } from '#shared/api/views.ts';

/** The run that a path names. Throws RUN_NOT_FOUND. */
export async function findRun({ ledger }: Pick<GatewayDeps, 'ledger'>, runId: string): Promise<RunDocument> {
  // PostgreSQL and MongoDB need not be asked for what cannot be a run id.
  const run = z.uuid().safeParse(runId).success ? await ledger.getRun(runId) : undefined;
  if (run === undefined)
    throw new SluiceError('RUN_NOT_FOUND', `There is no run ${runId}.`, { details: { run_id: runId } });
  return run;
}

/** Assets that the view of a run shows; a run of hundreds of rasters lists the rest by dataset. */
const MAX_ASSETS = 100;

/** Runs as the API shows them, in their order, each with the assets that it made or linked. One query, however many they are. */
export async function viewsOfRuns(
  { ledger, env }: Pick<GatewayDeps, 'ledger' | 'env'>,
  runs: RunDocument[],
): Promise<RunView[]> {
  const shown = (run: RunDocument) => run.asset_ids.slice(0, MAX_ASSETS);
  const assets = new Map((await ledger.getAssets(runs.flatMap(shown))).map((asset) => [asset._id, asset]));
  return runs.map((run) =>
    runView(
      run,
      shown(run).flatMap((id) => assets.get(id) ?? []),
      publicUrl(env),
    ),
  );
}

/** A run as the API shows it, with the assets that it made or linked. */
export async function viewOfRun(deps: Pick<GatewayDeps, 'ledger' | 'env'>, run: RunDocument): Promise<RunView> {
  const [view] = await viewsOfRuns(deps, [run]);
  return view as RunView;
}
