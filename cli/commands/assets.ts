import { formatBytes, formatCount, formatTime } from '#shared/text/amounts.ts';
import type { AssetView } from '#shared/api/views.ts';
import { EXIT } from '../exit-codes.ts';
import type { GatewayClient } from '../client/gateway-client.ts';
import { assetJson } from '../output/json-output.ts';
import { runCommand, writeJson } from '../run-command.ts';
import { type Terminal, formatTable } from '../output/terminal.ts';

/** `sluice assets`: lists the assets of the lake or of one dataset, newest first. */
export function assets(
  flags: { dataset?: string; limit: number },
  client: GatewayClient,
  terminal: Terminal,
): Promise<number> {
  return runCommand(async (signal) => {
    const query = new URLSearchParams({
      limit: String(flags.limit),
      ...(flags.dataset ? { dataset_id: flags.dataset } : {}),
    });
    const found = await client.get<AssetView[]>(`/api/assets?${query}`, signal);
    if (terminal.json) writeJson(terminal, found.map(assetJson));
    else terminal.stdout.write(`${found.length === 0 ? 'There are no assets.' : tableOf(found)}\n`);
    return EXIT.success;
  }, terminal);
}

function tableOf(found: AssetView[]): string {
  const rows = found.map((asset) => [
    formatTime(asset.created_at),
    asset.dataset_id,
    String(asset.version),
    asset.row_count === null ? '' : formatCount(asset.row_count),
    asset.geometry_types.join(', '),
    formatBytes(asset.size_bytes),
    asset.id,
    asset.url,
  ]);
  return formatTable([
    ['CREATED (UTC)', 'DATASET', 'VERSION', 'ROWS', 'GEOMETRY', 'SIZE', 'ASSET', 'DOWNLOAD'],
    ...rows,
  ]);
}
