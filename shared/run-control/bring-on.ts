import type { SluiceEvent } from '#shared/events/event.ts';
import type { RunDocument } from '#shared/ledger/documents.ts';
import type { Ledger } from '#shared/ledger/ledger.ts';
import { rerunActivity } from './rerun.ts';

/** Runs that are read at once. */
const RUNS_PER_PAGE = 200;

/** Every run that is not archived, newest first. The pages shift while runs end, so one may be left out. */
export async function* unarchivedRuns(ledger: Pick<Ledger, 'listRuns'>): AsyncIterable<RunDocument> {
  for (let offset = 0; ; offset += RUNS_PER_PAGE) {
    const runs = await ledger.listRuns({ archived: false, limit: RUNS_PER_PAGE, offset });
    yield* runs;
    if (runs.length < RUNS_PER_PAGE) return;
  }
}

/** Publishes the event that is due in a run, with what a process may have left out that died between the ledger and the queue. */
export async function bringOn(
  run: RunDocument,
  event: SluiceEvent,
  { ledger, publish }: { ledger: Pick<Ledger, 'appendActivity'>; publish: (event: SluiceEvent) => Promise<void> },
): Promise<void> {
  if (run.rerun_of !== null) await ledger.appendActivity(rerunActivity(run));
  await publish(event);
}
