import type { Env } from '#shared/config/env.ts';
import type { GatewayClient } from './gateway-client.ts';
import type { Terminal } from './output/terminal.ts';

/** What the commands need: the environment, the gateway and the terminal. */
export interface CommandParts {
  env: Env;
  client: GatewayClient;
  terminal: (flags: JsonFlag) => Terminal;
  setExitCode: (code: number) => void;
}

export interface JsonFlag {
  json?: boolean;
}
