import { SluiceError } from '#shared/errors/sluice-error.ts';
import type { LedgerSnapshot } from './stored-ledger.ts';

export interface TransferOptions {
  /** Whether runs may be active. */
  active: boolean;
  signal: AbortSignal;
}

/** Active runs that an error names. */
const NAMED_RUNS = 3;

/** Throws LEDGER_ACTIVE. `what` is the subject of the message. */
export async function requireNoActiveRuns(
  snapshot: LedgerSnapshot,
  { active }: TransferOptions,
  what: string,
): Promise<void> {
  const runs = active ? [] : await snapshot.activeRuns(NAMED_RUNS);
  if (runs.length === 0) return;
  throw new SluiceError(
    'LEDGER_ACTIVE',
    `${what} requires a ledger whose runs are archived, but these are active: ${runs.join(', ')}.`,
    { details: { runs } },
  );
}
