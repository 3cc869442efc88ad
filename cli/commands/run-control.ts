import { randomUUID } from 'node:crypto';
import type { RunView } from '#shared/api/views.ts';
import { printable } from '#shared/text/visible-text.ts';
import { EXIT, exitCodeOfStatus } from '../exit-codes.ts';
import type { GatewayClient } from '../gateway-client.ts';
import { errorJson, runJson } from '../output/json-output.ts';
import { runCommand, writeJson } from '../run-command.ts';
import type { Terminal } from '../output/terminal.ts';
import { followToEnd, showRun } from './runs.ts';

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
