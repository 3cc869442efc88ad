import type { Status } from '#shared/contracts/statuses.ts';
import type { Ledger } from './ledger.ts';
import { type AssetQueries, assetOperations, type RemovalQueries, removalOperations } from './operations/assets.ts';
import { type ClaimQueries, claimOperations } from './operations/claims.ts';
import { type ManifestQueries, manifestOperations } from './operations/manifests.ts';
import { recordOperations, type RecordQueries, runOperations, type RunQueries } from './operations/records.ts';

/** What an implementation of the ledger provides: its reads and its conditional writes. */
export interface LedgerQueries
  extends ManifestQueries, RunQueries, ClaimQueries, AssetQueries, RemovalQueries, RecordQueries {
  /**
   * Notifies the listeners of watchRuns and watchRunEnds in all processes. Called after the change is committed; must
   * not block.
   */
  announceRun(runId: string, status: Status): void;
  watchRuns: Ledger['watchRuns'];
  watchRunEnds: Ledger['watchRunEnds'];
  ping: Ledger['ping'];
  close: Ledger['close'];
}

/**
 * The ledger on top of an implementation's queries. The rules that all implementations share are here and in
 * claim-rules.ts: the checks of documents, the results of rejected writes, and the error messages.
 */
export function createLedger(queries: LedgerQueries): Ledger {
  const announceRun = (runId: string, status: Status) => queries.announceRun(runId, status);
  return {
    ...manifestOperations(queries, announceRun),
    ...runOperations(queries, announceRun),
    ...claimOperations(queries, announceRun),
    ...assetOperations(queries, announceRun),
    ...removalOperations(queries),
    ...recordOperations(queries),
    watchRuns: (onChange, signal) => queries.watchRuns(onChange, signal),
    watchRunEnds: (onEnded, signal) => queries.watchRunEnds(onEnded, signal),
    ping: () => queries.ping(),
    close: () => queries.close(),
  };
}
