import { makeEvent, parseEventData } from '#shared/events/event.ts';
import type { Handler } from '#shared/runtime/context.ts';
import { withClaim } from '#shared/runtime/with-claim.ts';
import { loadFiles } from './load/load-files.ts';

/** Downloads the files of the run and loads them into `raw_data` in the schema of the run. */
export const handler: Handler = async (event, context) => {
  const { run_id } = parseEventData(event, 'sluice.run.requested.vector');
  return withClaim(context, { runId: run_id, step: 'load-to-postgis' }, async (claim) => {
    const started = performance.now();
    const loaded = await loadFiles(claim, context);
    context.log.info(
      {
        run_id,
        files: loaded.files.length,
        rows: loaded.row_count,
        srid: loaded.srid,
        seconds: (performance.now() - started) / 1000,
      },
      'File:Load:Success',
    );
    return makeEvent('sluice.table.loaded', run_id, loaded, { traceparent: claim.run.traceparent ?? undefined });
  });
};
