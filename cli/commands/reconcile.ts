import { SluiceError } from '#shared/errors/sluice-error.ts';
import type { ReconciliationReply, ReconciliationView } from '#shared/api/views.ts';
import { formatCount } from '#shared/text/amounts.ts';
import { EXIT, runCommand, writeJson } from '../run-command.ts';
import type { GatewayClient } from '../gateway-client.ts';
import { type Terminal, formatTable } from '../output/terminal.ts';

/** `sluice reconcile`: shows the differences between ledger and lake. Exits with 1 when there are any. */
export function reconcile(flags: { deep?: boolean }, client: GatewayClient, terminal: Terminal): Promise<number> {
  return runCommand(async (signal) => {
    const answer = await client.get<ReconciliationReply>(`/api/reconcile?deep=${flags.deep === true}`, signal);
    if ('error' in answer)
      throw new SluiceError(answer.error.code, answer.error.message, { details: answer.error.details });
    if (terminal.json) writeJson(terminal, answer);
    else terminal.stdout.write(`${describe(answer)}\n`);
    return answer.agrees ? EXIT.success : EXIT.failed;
  }, terminal);
}

function describe({ agrees, assets, objects, findings, deep }: ReconciliationView): string {
  const contents = deep ? ', with their contents' : '';
  const compared = `${formatCount(assets)} assets, ${formatCount(objects)} objects${contents}`;
  if (agrees) return `Ledger and lake agree (${compared}).`;
  const table = formatTable([
    ['OBJECT', 'PROBLEM', 'ACTION'],
    ...findings.map(({ key, problem, action }) => [key, problem, action]),
  ]);
  const count = `${formatCount(findings.length)} ${findings.length === 1 ? 'discrepancy' : 'discrepancies'}`;
  return `Ledger and lake differ: ${count} (${compared}).\n\n${table}`;
}
