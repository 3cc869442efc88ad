import { formatTime } from '#shared/text/amounts.ts';
import type { ActivityView } from '#shared/api/views.ts';
import { EXIT } from '../exit-codes.ts';
import type { GatewayClient } from '../client/gateway-client.ts';
import { runCommand, writeJson } from '../run-command.ts';
import { type Terminal, formatTable } from '../output/terminal.ts';

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
    else terminal.stdout.write(`${activities.length === 0 ? 'There are no activities.' : tableOf(activities)}\n`);
    return EXIT.success;
  }, terminal);
}

function tableOf(activities: ActivityView[]): string {
  return formatTable([
    ['WHEN (UTC)', 'WHO', 'WHAT'],
    ...activities.map(({ at, operator, message }) => [formatTime(at), operator, message]),
  ]);
}
