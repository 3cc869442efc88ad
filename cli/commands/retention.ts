import type { DatasetView, RetentionView } from '#shared/api/views.ts';
import { EXIT, runCommand, writeJson } from '../run-command.ts';
import type { GatewayClient } from '../gateway-client.ts';
import type { Terminal } from '../output/terminal.ts';
import type { OperatorFlags } from './runs.ts';

export interface RetentionFlags extends OperatorFlags {
  keep?: number;
  off?: boolean;
}

/** `sluice retention DATASET`: shows the retention rule. --keep and --off set it and apply it immediately. */
export function retention(
  dataset: string,
  flags: RetentionFlags,
  client: GatewayClient,
  terminal: Terminal,
): Promise<number> {
  return runCommand(
    async (signal) => {
      const path = `/api/datasets/${encodeURIComponent(dataset)}`;
      const isQuery = flags.keep === undefined && flags.off !== true;
      const view = isQuery
        ? await client.get<DatasetView>(path, signal)
        : await client.change<RetentionView>('PUT', `${path}/retention`, {
            operator: flags.operator,
            body: { keep_versions: flags.keep ?? null },
            signal,
          });
      if (terminal.json) writeJson(terminal, view);
      else terminal.stdout.write(`${describeRetention(view).join('\n')}\n`);
      return EXIT.success;
    },
    terminal,
    { interrupted: () => `Interrupted. To show the retention rule: npx sluice retention ${dataset}` },
  );
}

/** Formats the rule, and the versions that were removed when it was applied. */
export function describeRetention({
  dataset_id,
  keep_versions,
  latest_version,
  ...rest
}: DatasetView | RetentionView): string[] {
  const rule =
    keep_versions === null
      ? 'All versions are kept'
      : keep_versions === 1
        ? 'Only the newest version is kept'
        : `The ${keep_versions} newest versions are kept`;
  const newest = latest_version === 0 ? 'There is no version yet' : `The newest is version ${latest_version}`;
  const removed = 'removed_versions' in rest ? rest.removed_versions : [];
  return [
    `${dataset_id}: ${rule}. ${newest}.`,
    ...(removed.length === 0 ? [] : [`Removed: version${removed.length === 1 ? '' : 's'} ${removed.join(', ')}.`]),
  ];
}
