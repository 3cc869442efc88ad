import { spawn } from 'node:child_process';
import { ObjectIdSchema } from '#shared/ledger/documents.ts';
import type { GatewayClient } from '../gateway-client.ts';
import type { Terminal } from '../output/terminal.ts';
import { EXIT, runCommand, writeJson } from '../run-command.ts';

/** `sluice open NAME`: opens the page of a run, dataset or asset in the browser, and prints its address. */
export function open(
  name: string,
  client: GatewayClient,
  terminal: Terminal,
  variables: NodeJS.ProcessEnv = process.env,
): Promise<number> {
  return runCommand(async (signal) => {
    const kind = kindOf(name);
    const path = `${kind}/${encodeURIComponent(name)}`;
    await client.get(`/api/${path}`, signal); // Reports an unknown name here, not on the page.
    const url = `${client.baseUrl}/ui/${path}`;
    if (terminal.json) writeJson(terminal, { url });
    else terminal.stdout.write(`${url}\n`);
    const problem = await startBrowser(url, variables);
    if (problem !== undefined) terminal.stderr.write(`${problem} Open the address in a browser.\n`);
    return EXIT.success;
  }, terminal);
}

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** Ids of runs are UUIDs, and ids of assets are ObjectIds. Any other name is a dataset. */
function kindOf(name: string): 'runs' | 'assets' | 'datasets' {
  if (UUID.test(name)) return 'runs';
  return ObjectIdSchema.safeParse(name).success ? 'assets' : 'datasets';
}

/** The program that opens an address, with its first arguments. Undefined on a machine without a desktop. */
function browserProgram({ BROWSER, DISPLAY, WAYLAND_DISPLAY }: NodeJS.ProcessEnv): string[] | undefined {
  if (BROWSER) return [BROWSER];
  if (process.platform === 'darwin') return ['open'];
  if (process.platform === 'win32') return ['rundll32', 'url.dll,FileProtocolHandler'];
  return DISPLAY || WAYLAND_DISPLAY ? ['xdg-open'] : undefined;
}

/** Starts the browser, which continues after the end of this process. Returns why it could not be started. */
function startBrowser(url: string, variables: NodeJS.ProcessEnv): Promise<string | undefined> {
  const [program, ...args] = browserProgram(variables) ?? [];
  if (program === undefined) return Promise.resolve('This machine has no desktop.');
  const child = spawn(program, [...args, url], { detached: true, stdio: 'ignore' });
  return new Promise((resolve) => {
    child.once('error', ({ message }) => resolve(`Could not start the browser: ${message}.`));
    child.once('spawn', () => {
      child.unref();
      resolve(undefined);
    });
  });
}
