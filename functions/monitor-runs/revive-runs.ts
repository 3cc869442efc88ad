import type { RunDocument } from '#shared/ledger/documents.ts';
import { bringOn, unarchivedRuns } from '#shared/run-control/bring-on.ts';
import { failRun } from '#shared/run-control/fail.ts';
import type { Context } from '#shared/runtime/context.ts';
import { verdictOn } from './run-verdict.ts';

const MS_PER_MINUTE = 60_000;

/**
 * Brings every run on that is not over: sends the event again that is due, and fails a run in which nothing happens any more.
 * One that is left out because others ended meanwhile is found by the next tick.
 */
export async function reviveRuns(context: Context, now = Date.now()): Promise<{ announced: number; failed: number }> {
  const done = { announced: 0, failed: 0 };
  for await (const run of unarchivedRuns(context.ledger)) {
    if (context.signal.aborted) break;
    const outcome = await revive(run, now, context);
    if (outcome !== undefined) done[outcome] += 1;
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
  await bringOn(run, verdict.event, context);
  log.info(
    { run_id: run.run_id, status: run.status, type: verdict.event.type, id: verdict.event.id },
    'Run:Monitor:Announced',
  );
  return 'announced';
}
