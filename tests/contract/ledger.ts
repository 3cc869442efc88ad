import { afterAll, beforeAll, describe } from 'vitest';
import type { OpenedLedger } from './opened-ledger.ts';
import { admissionContract } from './admission.ts';
import { assetContract } from './assets.ts';
import { claimContract } from './claims.ts';
import { runChangeContract } from './run-changes.ts';
import { fenceContract } from './fence.ts';
import { placementContract } from './placements.ts';
import { processContract } from './processes.ts';
import { recordContract } from './records.ts';
import { removalContract } from './removals.ts';
import { rerunContract } from './reruns.ts';
import { transitionContract } from './transitions.ts';

/** The tests of every implementation of the ledger. */
export function ledgerContract(name: string, open: () => Promise<OpenedLedger>): void {
  describe(`the ledger on ${name}`, () => {
    const opened = {} as OpenedLedger;
    beforeAll(async () => {
      Object.assign(opened, await open());
    });
    afterAll(() => opened.close());

    admissionContract(opened);
    claimContract(opened);
    placementContract(opened);
    runChangeContract(opened);
    fenceContract(opened);
    transitionContract(opened);
    rerunContract(opened);
    assetContract(opened);
    removalContract(opened);
    recordContract(opened);
    processContract(opened);
  });
}
