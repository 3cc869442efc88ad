import type { DatasetView, RetentionView } from '#shared/api/views.ts';
import { EXIT } from '../exit-codes.ts';
import type { GatewayClient } from '../client/gateway-client.ts';
import { runCommand, writeJson } from '../run-command.ts';
import type { Terminal } from '../output/terminal.ts';
import type { ActFlags } from './run-control.ts';

export interface RetentionFlags extends ActFlags {
  keep?: number;
  off?: boolean;
}

/** `sluice retention DATASET`: how many versions are kept; with --keep or --off that is decided anew, and at once applied. */
export function retention(
  dataset: string,
  flags: RetentionFlags,
  client: GatewayClient,
  terminal: Terminal,
): Promise<number> {
  return runCommand(
    async (signal) => {
      const path = `/api/datasets/${encodeURIComponent(dataset)}`;
      const isAsked = flags.keep === undefined && flags.off !== true;
      const view = isAsked
        ? await client.get<DatasetView>(path, signal)
        : await client.act<RetentionView>('PUT', `${path}/retention`, {
            operator: flags.operator,
            body: { keep_versions: flags.keep ?? null },
            signal,
          });
      if (terminal.json) writeJson(terminal, view);
      else terminal.stdout.write(`${describeRetention(view).join('\n')}\n`);
      return EXIT.success;
    },
    terminal,
    { interrupted: () => `Stopped. See what was decided: npx sluice retention ${dataset}` },
  );
}

/** Lines for a person: the rule, and what it removed just now. */
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
  const removed = 'removed_versions' in rest ? rest.removed_versions : [];
  return [
    `${dataset_id}: ${rule}. The newest is ${latest_version === 0 ? 'still to come' : `version ${latest_version}`}.`,
    ...(removed.length === 0 ? [] : [`Removed: version${removed.length === 1 ? '' : 's'} ${removed.join(', ')}.`]),
  ];
}
