import { type ErrorDocument, SluiceError } from '#shared/errors/sluice-error.ts';
import type { Discrepancy } from '#shared/reconcile/compare-lake.ts';
import type { Reconciliation } from '#shared/reconcile/reconcile.ts';
import { formatBytes, formatCount } from '#shared/text/amounts.ts';
import { EXIT, runCommand, writeJson } from '../run-command.ts';
import type { GatewayClient } from '../gateway-client.ts';
import { type Terminal, formatTable } from '../output/terminal.ts';

/** `sluice reconcile`: shows the differences between ledger and lake. Exits with 1 when there are any. */
export function reconcile(flags: { deep?: boolean }, client: GatewayClient, terminal: Terminal): Promise<number> {
  return runCommand(async (signal) => {
    const answer = await client.get<Reconciliation | { error: ErrorDocument }>(
      `/api/reconcile?deep=${flags.deep === true}`,
      signal,
    );
    if ('error' in answer)
      throw new SluiceError(answer.error.code, answer.error.message, { details: answer.error.details });
    if (terminal.json) writeJson(terminal, answer);
    else terminal.stdout.write(`${describe(answer)}\n`);
    return answer.agrees ? EXIT.success : EXIT.failed;
  }, terminal);
}

function describe({ agrees, assets, objects, findings, deep }: Reconciliation): string {
  const contents = deep ? ', with their contents' : '';
  const compared = `${formatCount(assets)} assets, ${formatCount(objects)} objects${contents}`;
  if (agrees) return `Ledger and lake agree (${compared}).`;
  const table = formatTable([
    ['OBJECT', 'PROBLEM', 'ACTION'],
    ...findings.map((finding) => [finding.key, ...problemAndAction(finding)]),
  ]);
  const count = `${formatCount(findings.length)} ${findings.length === 1 ? 'discrepancy' : 'discrepancies'}`;
  return `Ledger and lake differ: ${count} (${compared}).\n\n${table}`;
}

const REPAIRED = 'None. monitor-runs writes it within an hour.';
const RESTORE = 'Restore it, or rerun its run with --force.';

function problemAndAction(finding: Discrepancy): [problem: string, action: string] {
  switch (finding.kind) {
    case 'catalog_missing':
      return ['missing document of the catalog', REPAIRED];
    case 'catalog_changed':
      return ['differs from the ledger', 'Delete it. monitor-runs writes it within an hour.'];
    case 'object_unregistered':
      return [
        `belongs to no asset (${formatBytes(finding.size_bytes)})`,
        'Delete it, unless another program needs it.',
      ];
    case 'object_missing':
      return [`missing object of ${versionOf(finding)}`, RESTORE];
    case 'object_changed':
      return [
        `${finding.field} is ${finding.found ?? 'missing'}, not ${finding.expected} (${versionOf(finding)})`,
        RESTORE,
      ];
    case 'record_missing':
      return [`missing document of ${versionOf(finding)}`, REPAIRED];
  }
}

function versionOf({ dataset_id, version }: { dataset_id: string; version: number }): string {
  return `${dataset_id}, version ${version}`;
}
