import type { Discrepancy } from '#shared/reconcile/compare-lake.ts';
import type { Reconciliation } from '#shared/reconcile/reconcile.ts';
import { formatBytes } from '#shared/text/amounts.ts';
import type { FindingView, ReconciliationView } from './views.ts';

export function reconciliationView(result: Reconciliation): ReconciliationView {
  return { ...result, findings: result.findings.map((finding) => ({ ...finding, ...describe(finding) })) };
}

const REPAIRED = 'None. monitor-runs writes it within an hour.';
const RESTORE = 'Restore it, or rerun its run with --force.';

function describe(finding: Discrepancy): Pick<FindingView, 'problem' | 'action'> {
  switch (finding.kind) {
    case 'catalog_missing':
      return { problem: 'missing document of the catalog', action: REPAIRED };
    case 'catalog_changed':
      return { problem: 'differs from the ledger', action: 'Delete it. monitor-runs writes it within an hour.' };
    case 'object_unregistered':
      return {
        problem: `belongs to no asset (${formatBytes(finding.size_bytes)})`,
        action: 'Delete it, unless another program needs it.',
      };
    case 'object_missing':
      return { problem: `missing object of ${versionOf(finding)}`, action: RESTORE };
    case 'object_changed':
      return {
        problem: `${finding.field} is ${finding.found ?? 'missing'}, not ${finding.expected} (${versionOf(finding)})`,
        action: RESTORE,
      };
    case 'record_missing':
      return { problem: `missing document of ${versionOf(finding)}`, action: REPAIRED };
  }
}

function versionOf({ dataset_id, version }: { dataset_id: string; version: number }): string {
  return `${dataset_id}, version ${version}`;
}
