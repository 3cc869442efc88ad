import { randomUUID } from 'node:crypto';
import { formatError, formatRun } from '#shared/api/format-run.ts';
import type { ActivityView, RunView } from '#shared/api/views.ts';
import { formatSeconds, formatTime } from '#shared/text/amounts.ts';
import { printable } from '#shared/text/visible-text.ts';
import { followRun, type GatewayClient } from '../gateway-client.ts';
import type { Batch } from '../input/batch.ts';
import { withLocalNames, withOptions } from '../input/local-names.ts';
import { errorJson, runJson } from '../output/json-output.ts';
import { createProgress } from '../output/progress.ts';
import { colorsFor, formatTable, nothingFound, type Terminal } from '../output/terminal.ts';
import { EXIT, exitCodeOfStatus, runCommand, writeJson } from '../run-command.ts';

/** `sluice runs`: lists runs, newest first. */
export function runs(
  flags: { limit: number; status?: string; dataset?: string },
  client: GatewayClient,
  terminal: Terminal,
): Promise<number> {
  return runCommand(async (signal) => {
    const query = new URLSearchParams({
      limit: String(flags.limit),
      ...(flags.status ? { status: flags.status } : {}),
      ...(flags.dataset ? { dataset_id: flags.dataset } : {}),
    });
    const views = await client.get<RunView[]>(`/api/runs?${query}`, signal);
    if (terminal.json) writeJson(terminal, views.map(runJson));
    else terminal.stdout.write(`${views.length === 0 ? noRuns(flags) : tableOf(views)}\n`);
    return EXIT.success;
  }, terminal);
}

function noRuns({ status, dataset }: { status?: string; dataset?: string }): string {
  if (status === undefined && dataset === undefined)
    return 'There are no runs. To start one: npx sluice ingest FILE --dataset NAME';
  return nothingFound('run', { '--status': status, '--dataset': dataset });
}

function tableOf(views: RunView[]): string {
  const rows = views.map((run) => [
    formatTime(run.created_at),
    run.run_id ?? '',
    run.status,
    run.dataset_id ?? '',
    run.batch_id ?? '',
    run.finished_at === null ? '' : formatSeconds((Date.parse(run.finished_at) - Date.parse(run.created_at)) / 1000),
    run.error?.code ?? (run.asset ? `version ${run.asset.version}` : ''),
  ]);
  return formatTable([['STARTED (UTC)', 'RUN', 'STATUS', 'DATASET', 'BATCH', 'TIME', 'RESULT'], ...rows]);
}

/** `sluice run ID`: shows one run. With --follow, waits until it has ended. The exit code depends on its status. */
export function run(
  runId: string,
  flags: { follow?: boolean },
  client: GatewayClient,
  terminal: Terminal,
): Promise<number> {
  return runCommand(
    async (signal) => {
      let view = await client.get<RunView>(`/api/runs/${encodeURIComponent(runId)}`, signal);
      if (flags.follow && view.status === 'running') view = await followToEnd(client, view, terminal, signal);
      showRun(view, terminal, { steps: true });
      return exitCodeOfStatus(view.status);
    },
    terminal,
    { errorJson: (error) => errorJson(error.toDocument()), interrupted: () => 'Interrupted. The run continues.' },
  );
}

/** `sluice event FUNCTION RUN`: writes the CloudEvent for a call of a function, as input of `faas-cli invoke`. */
export function event(name: string, runId: string, client: GatewayClient, terminal: Terminal): Promise<number> {
  return runCommand(async (signal) => {
    const path = `/api/runs/${encodeURIComponent(runId)}/steps/${encodeURIComponent(name)}/event`;
    writeJson(terminal, await client.get<object>(path, signal));
    return EXIT.success;
  }, terminal);
}

/** Shows the progress of a run until it has ended, and returns its last state. */
async function followToEnd(
  client: GatewayClient,
  run: RunView,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<RunView> {
  const progress = createProgress(terminal);
  let last = run;
  try {
    for await (last of followRun(client, `/api/runs/${run.run_id}/events`, signal)) progress.run(last);
  } finally {
    progress.end();
  }
  return last;
}

/**
 * Writes a run with its result to standard output, and its error to standard error. `batch`: what this command
 * uploaded, so that the text names its files and options. The JSON document is the same for all commands.
 */
export function showRun(
  view: RunView,
  terminal: Terminal,
  { steps, batch }: { steps: boolean; batch?: Pick<Batch, 'uploads' | 'manifest'> },
): void {
  const shown = batch === undefined ? view : withLocalNames(view, batch);
  if (terminal.json) writeJson(terminal, runJson(view));
  else terminal.stdout.write(`${formatRun(shown, colorsFor(terminal.stdout), { steps })}\n`);
  if (shown.error === null) return;
  const reword = batch === undefined ? undefined : withOptions;
  terminal.stderr.write(`${formatError(shown.error, colorsFor(terminal.stderr), shown, reword)}\n`);
}

/** `sluice activity`: lists the activities of one run or of all runs, newest first. */
export function activity(
  flags: { run?: string; limit: number },
  client: GatewayClient,
  terminal: Terminal,
): Promise<number> {
  return runCommand(async (signal) => {
    const path = flags.run === undefined ? '/api/activity' : `/api/runs/${encodeURIComponent(flags.run)}/activity`;
    const activities = await client.get<ActivityView[]>(`${path}?limit=${flags.limit}`, signal);
    if (terminal.json) writeJson(terminal, activities);
    else terminal.stdout.write(`${activities.length === 0 ? noActivities(flags) : activityTable(activities)}\n`);
    return EXIT.success;
  }, terminal);
}

function noActivities({ run: id }: { run?: string }): string {
  return id === undefined ? 'There are no activities.' : nothingFound('activity', { '--run': id });
}

function activityTable(activities: ActivityView[]): string {
  return formatTable([
    ['WHEN (UTC)', 'WHO', 'WHAT'],
    ...activities.map(({ at, operator, message }) => [formatTime(at), operator, message]),
  ]);
}

export interface OperatorFlags {
  /** The user to record in the activity log. */
  operator: string;
}

export interface RerunFlags extends OperatorFlags {
  force?: boolean;
  follow?: boolean;
  requestId?: string;
}

/** `sluice rerun RUN`: starts a new run of the same manifest. With --follow, waits for it and returns its exit code. */
export function rerun(runId: string, flags: RerunFlags, client: GatewayClient, terminal: Terminal): Promise<number> {
  let started: RunView | undefined;
  return runCommand(
    async (signal) => {
      const body = { request_id: flags.requestId ?? randomUUID(), force: flags.force === true };
      started = await client.change<RunView>('POST', `/api/runs/${encodeURIComponent(runId)}/rerun`, {
        operator: flags.operator,
        body,
        signal,
      });
      if (!flags.follow) return showStarted(started, terminal);
      const ended = await followToEnd(client, started, terminal, signal);
      showRun(ended, terminal, { steps: false }); // The progress display has shown the steps.
      return exitCodeOfStatus(ended.status);
    },
    terminal,
    {
      errorJson: (error) => (started ? runJson(started) : errorJson(error.toDocument())),
      interrupted: () =>
        started
          ? `Interrupted. The run continues. To show it: npx sluice run ${started.run_id}`
          : 'Interrupted. If the rerun has started, it continues. To list runs: npx sluice runs',
    },
  );
}

function showStarted(run: RunView, terminal: Terminal): number {
  if (terminal.json) writeJson(terminal, runJson(run));
  else
    terminal.stdout.write(
      `Run ${run.run_id} repeats run ${run.rerun_of} of batch ${printable(run.batch_id ?? '')}.\n` +
        `To follow it: npx sluice run ${run.run_id} --follow\n`,
    );
  return EXIT.success;
}

/** `sluice cancel RUN`: cancels a run. Exits with 1 when the run has already ended with another status. */
export function cancel(
  runId: string,
  flags: OperatorFlags,
  client: GatewayClient,
  terminal: Terminal,
): Promise<number> {
  return runCommand(
    async (signal) => {
      const run = await client.change<RunView>('POST', `/api/runs/${encodeURIComponent(runId)}/cancel`, {
        operator: flags.operator,
        signal,
      });
      if (terminal.json) writeJson(terminal, runJson(run));
      else
        terminal.stdout.write(
          `Run ${run.run_id} of batch ${printable(run.batch_id ?? '')} is canceled. ` +
            `To repeat it: npx sluice rerun ${run.run_id}\n`,
        );
      return EXIT.success;
    },
    terminal,
    {
      errorJson: (error) => errorJson(error.toDocument()),
      interrupted: () => `Interrupted. To show whether the run was canceled: npx sluice run ${runId}`,
    },
  );
}
