import { randomUUID } from 'node:crypto';
import { printable } from '#shared/text/printable.ts';
import type { RunView } from '#shared/api/views.ts';
import { EXIT, exitCodeOfStatus } from '../exit-codes.ts';
import type { GatewayClient } from '../client/gateway-client.ts';
import { errorJson, runJson } from '../output/json-output.ts';
import { runCommand, writeJson } from '../run-command.ts';
import type { Terminal } from '../output/terminal.ts';
import { followToEnd, showRun } from './runs.ts';

export interface ActFlags {
  /** Who acts; kept in the log of acts. */
  operator: string;
}

export interface RerunFlags extends ActFlags {
  force?: boolean;
  follow?: boolean;
  requestId?: string;
}

/** `sluice rerun RUN`: a new run of the same manifest; with --follow to its end, exiting as it does. */
export function rerun(runId: string, flags: RerunFlags, client: GatewayClient, terminal: Terminal): Promise<number> {
  let started: RunView | undefined;
  return runCommand(
    async (signal) => {
      const body = { request_id: flags.requestId ?? randomUUID(), force: flags.force === true };
      started = await client.act<RunView>('POST', `/api/runs/${encodeURIComponent(runId)}/rerun`, {
        operator: flags.operator,
        body,
        signal,
      });
      if (!flags.follow) return showStarted(started, terminal);
      const ended = await followToEnd(client, started, terminal, signal);
      showRun(ended, terminal, { steps: false }); // The progress has told them.
      return exitCodeOfStatus(ended.status);
    },
    terminal,
    {
      errorJson: (error) => (started ? runJson(started) : errorJson(error.toDocument())),
      interrupted: () =>
        started
          ? `The run goes on. See it with: npx sluice run ${started.run_id}`
          : 'Stopped. If the rerun was begun, it goes on: npx sluice runs',
    },
  );
}

function showStarted(run: RunView, terminal: Terminal): number {
  if (terminal.json) writeJson(terminal, runJson(run));
  else
    terminal.stdout.write(
      `Run ${run.run_id} repeats run ${run.rerun_of} of ${printable(run.batch_id ?? '')}.\nFollow it with: npx sluice run ${run.run_id} --follow\n`,
    );
  return EXIT.success;
}

/** `sluice cancel RUN`: ends a run that is under way. Exits 1 when it has ended otherwise. */
export function cancel(runId: string, flags: ActFlags, client: GatewayClient, terminal: Terminal): Promise<number> {
  return runCommand(
    async (signal) => {
      const run = await client.act<RunView>('POST', `/api/runs/${encodeURIComponent(runId)}/cancel`, {
        operator: flags.operator,
        signal,
      });
      if (terminal.json) writeJson(terminal, runJson(run));
      else
        terminal.stdout.write(
          `Run ${run.run_id} of ${printable(run.batch_id ?? '')} is canceled. To repeat it: npx sluice rerun ${run.run_id}\n`,
        );
      return EXIT.success;
    },
    terminal,
    {
      errorJson: (error) => errorJson(error.toDocument()),
      interrupted: () => `Stopped. See whether it was canceled: npx sluice run ${runId}`,
    },
  );
}
