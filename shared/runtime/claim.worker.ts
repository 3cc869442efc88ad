import { openPostgresLedger } from '#shared/ledger/postgres/postgres-ledger.ts';
import { OWNER } from './owner.ts';

/** A process that claims a step and then does nothing, to be killed or stopped. */
const ledger = await openPostgresLedger(process.argv[2] ?? '');
const result = await ledger.claimStep({
  runId: process.argv[3] ?? '',
  step: 'load-to-postgis',
  owner: OWNER,
  leaseSeconds: 30,
});
process.stdout.write(`${result.outcome}\n`);
setInterval(() => undefined, 1_000);
