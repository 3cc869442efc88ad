import type { GatewayClient } from '../gateway-client.ts';
import { type JoinOptions, planJoinBatch } from '../join-batch.ts';
import type { Terminal } from '../terminal.ts';
import { userName } from '../user-name.ts';
import { submitBatch } from './submit-batch.ts';

export interface JoinFlags extends Omit<JoinOptions, 'uploader'> {
  uploader?: string;
}

/** `sluice join SPATIAL TABULAR`: joins two assets, follows the run, shows the asset. */
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
