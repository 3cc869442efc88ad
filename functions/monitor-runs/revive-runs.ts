import type { RunDocument } from '#shared/ledger/documents.ts';
import { failRun } from '#shared/runs/fail.ts';
import { rerunActivity } from '#shared/runs/rerun.ts';
import type { Context } from '#shared/runtime/context.ts';
import { verdictOn } from './run-verdict.ts';

/** Runs that are read at once. */
const RUNS_PER_PAGE = 200;
const MS_PER_MINUTE = 60_000;

/**
 * Brings every run on that is not over: sends the event again that is due, and fails a run in which nothing happens any more.
 * The pages may shift while runs end, so one may be left out; the next tick finds it.
 */
export async function reviveRuns(context: Context, now = Date.now()): Promise<{ announced: number; failed: number }> {
  const done = { announced: 0, failed: 0 };
  for (let offset = 0; !context.signal.aborted; offset += RUNS_PER_PAGE) {
    const runs = await context.ledger.listRuns({ archived: false, limit: RUNS_PER_PAGE, offset });
    for (const run of runs) {
      const outcome = await revive(run, now, context);
      if (outcome !== undefined) done[outcome] += 1;
    }
    if (runs.length < RUNS_PER_PAGE) break;
  }
  return done;
}

async function revive(run: RunDocument, now: number, context: Context): Promise<'announced' | 'failed' | undefined> {
  const { ledger, log, publish, env } = context;
  const verdict = verdictOn(run, now, env.RUN_STUCK_MINUTES * MS_PER_MINUTE);
  if (verdict.kind === 'leave') return undefined;
  if (verdict.kind === 'fail') {
    const event = await failRun(run.run_id, verdict, { ledger, log });
    if (event !== undefined) await publish(event);
    return 'failed';
  }
  // The rerun was stored, and the process died before it could say so.
  if (run.rerun_of !== null) await ledger.appendActivity(rerunActivity(run));
  await publish(verdict.event);
  log.info({ run_id: run.run_id, status: run.status, type: verdict.event.type, id: verdict.event.id }, 'Run:Monitor:Announced');
  return 'announced';
}
