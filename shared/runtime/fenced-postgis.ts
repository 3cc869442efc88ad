import { SluiceError } from '#shared/errors/sluice-error.ts';
import type { Ledger } from '#shared/ledger/ledger.ts';
import type { Postgis } from '#shared/postgis/postgis.ts';

/**
 * PostGIS that opens no session for an ended run. A worker that was suspended while its run was canceled and archived
 * would create the schema of the run again. So the status is read after the schema is created: when the run has ended
 * before, the schema is dropped immediately; when it ends later, its archive step drops the schema and ends the
 * session.
 */
export function fencedPostgis(postgis: Postgis, ledger: Pick<Ledger, 'getRun'>): Postgis {
  return {
    openSession: async (claim, signal) => {
      const session = await postgis.openSession(claim, signal);
      try {
        const run = await ledger.getRun(claim.runId);
        if (run === undefined || run.status === 'running') return session;
        await postgis.dropSchema(claim.runId);
        throw new SluiceError(
          'CLAIM_STALE',
          `Run ${claim.runId} has ended (${run.status}), so ${claim.step} cannot use its working tables.`,
          { details: { run_id: claim.runId, step: claim.step } },
        );
      } catch (thrown) {
        await session.close();
        throw thrown;
      }
    },
    dropSchema: (runId) => postgis.dropSchema(runId),
    listRunSchemas: () => postgis.listRunSchemas(),
    ping: () => postgis.ping(),
    warmUp: () => postgis.warmUp(),
    close: () => postgis.close(),
  };
}
