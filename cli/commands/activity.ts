import { formatTime } from '#shared/text/amounts.ts';
import type { ActivityView } from '#shared/api/views.ts';
import { EXIT } from '../exit-codes.ts';
import { formatTable } from '../output/format-table.ts';
import type { GatewayClient } from '../client/gateway-client.ts';
import { runCommand, writeJson } from '../run-command.ts';
import type { Terminal } from '../output/terminal.ts';

/** `sluice activity`: who did what, the newest first; of one run, or of all. */
export function activity(
  flags: { run?: string; limit: number },
  client: GatewayClient,
  terminal: Terminal,
): Promise<number> {
  return runCommand(async (signal) => {
    const path = flags.run === undefined ? '/api/activity' : `/api/runs/${encodeURIComponent(flags.run)}/activity`;
    const lines = await client.get<ActivityView[]>(`${path}?limit=${flags.limit}`, signal);
    if (terminal.json) writeJson(terminal, lines);
    else terminal.stdout.write(`${lines.length === 0 ? 'Nothing has been done yet.' : tableOf(lines)}\n`);
    return EXIT.success;
  }, terminal);
}

function tableOf(lines: ActivityView[]): string {
  return formatTable([
    ['WHEN (UTC)', 'WHO', 'WHAT'],
    ...lines.map((line) => [formatTime(line.at), line.operator, line.message]),
  ]);
}
