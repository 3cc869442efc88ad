import { type ErrorDocument, SluiceError } from '#shared/errors/sluice-error.ts';
import type { Discrepancy } from '#shared/reconcile/compare-lake.ts';
import type { Reconciliation } from '#shared/reconcile/reconcile.ts';
import { formatBytes, formatCount } from '#shared/text/amounts.ts';
import { EXIT } from '../exit-codes.ts';
import { formatTable } from '../output/format-table.ts';
import type { GatewayClient } from '../client/gateway-client.ts';
import { runCommand, writeJson } from '../run-command.ts';
import type { Terminal } from '../output/terminal.ts';

/** `sluice reconcile`: in what ledger and lake disagree. Exits 1 when they do. */
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
  const what = `${formatCount(assets)} assets and ${formatCount(objects)} objects${deep ? ', every byte read' : ''}`;
  if (agrees) return `Ledger and lake agree: ${what}.`;
  const rows = findings.map((finding) => [finding.key, ...aboutOf(finding)]);
  return `Ledger and lake disagree in ${formatCount(findings.length)} of ${what}.\n\n${formatTable([['OBJECT', 'WHAT IS WRONG', 'WHAT TO DO'], ...rows])}`;
}

/** monitor-runs does. */
const MENDED = 'It is written again within the hour.';

function aboutOf(finding: Discrepancy): [what: string, advice: string] {
  switch (finding.kind) {
    case 'catalog_missing':
      return ['gone; it is part of the catalog', MENDED];
    case 'catalog_changed':
      return ['does not say what the ledger says', `Delete it. ${MENDED}`];
    case 'object_unregistered':
      return [`no asset names it (${formatBytes(finding.size_bytes)})`, 'Delete it, if you did not put it there.'];
    case 'object_missing':
      return [`gone; it was ${versionOf(finding)}`, 'Restore it, or rerun its run with --force.'];
    case 'object_changed':
      return [
        `${finding.field} is ${finding.found ?? 'missing'}, not ${finding.expected}, of ${versionOf(finding)}`,
        'Restore it, or rerun its run with --force.',
      ];
    case 'record_missing':
      return [`gone; it described ${versionOf(finding)}`, MENDED];
  }
}

function versionOf({ dataset_id, version }: { dataset_id: string; version: number }): string {
  return `${dataset_id}, version ${version}`;
}
