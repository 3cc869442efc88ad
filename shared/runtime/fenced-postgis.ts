import { SluiceError } from '#shared/errors/sluice-error.ts';
import type { Ledger } from '#shared/ledger/ledger.ts';
import type { Postgis } from '#shared/postgis/postgis.ts';

/**
 * PostGIS behind the ledger's fence: a run that has ended gets no session, and no schema. PostGIS forgets a run with its schema, so a worker
 * that slept while its run was canceled and archived would make the schema anew. The ledger is asked after the schema was made: either
 * the run has ended by then, and the schema goes at once, or it ends later, and its archive step drops the schema and ends the session.
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
          `Run ${claim.runId} has ended (${run.status}), so ${claim.step} gets no tables.`,
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
