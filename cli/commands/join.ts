import type { GatewayClient } from '../client/gateway-client.ts';
import { type JoinOptions, planJoinBatch } from '../input/join-batch.ts';
import type { Terminal } from '../output/terminal.ts';
import { userName } from '../input/options.ts';
import { submitBatch } from './submit-batch.ts';

export interface JoinFlags extends Omit<JoinOptions, 'uploader'> {
  uploader?: string;
}

/** `sluice join SPATIAL TABULAR`: joins two assets, follows the run, and shows the new asset. */
export function join(
  spatial: string,
  tabular: string,
  flags: JoinFlags,
  client: GatewayClient,
  terminal: Terminal,
): Promise<number> {
  return submitBatch(
    (moment) => planJoinBatch(spatial, tabular, { ...flags, uploader: flags.uploader ?? userName() }, moment),
    client,
    terminal,
  );
}
