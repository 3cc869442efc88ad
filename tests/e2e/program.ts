import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, readdirSync, readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { expect, onTestFinished, vi } from 'vitest';

/** Sluice as a child process, started in the same way as by `npm start`. */
export interface Program {
  child: ChildProcess;
  port: number;
  /** The output so far. */
  output(): string;
  /** Resolves when the output contains the text. Throws with the output if the program ends before. */
  waitForOutput(text: string | RegExp, timeoutMs?: number): Promise<void>;
  signal(name: NodeJS.Signals): void;
  /** The exit code, or the signal that ended the program. */
  ended: Promise<number | NodeJS.Signals | null>;
}

const START_TIMEOUT_MS = 120_000;

/** A folder for SLUICE_HOME with special characters in its name. It is removed after the test. */
export function homeFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'sluice start #é '));
  chmodSync(folder, 0o755); // PostgreSQL may run as another user.
  onTestFinished(async () => {
    // PostgreSQL of a killed Sluice is still shutting down, and would write to the folder while it is removed.
    await vi.waitFor(() => expect(processesOf(folder)).toEqual([]), { timeout: 30_000 });
    await rm(folder, { recursive: true, force: true });
  });
  return join(folder, '.sluice');
}

export async function startProgram(
  home: string,
  options: { args?: string[]; variables?: Record<string, string> } = {},
): Promise<Program> {
  const [port, storePort] = await freePorts();
  const child = spawn('node', [resolve(import.meta.dirname, '../../gateway/npm-start.ts'), ...(options.args ?? [])], {
    env: {
      ...process.env,
      LOG_LEVEL: 'info',
      SLUICE_HOME: home,
      PORT: String(port),
      S3_EMBEDDED_PORT: String(storePort),
      ...options.variables,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let text = '';
  const append = (chunk: Buffer) => {
    text += chunk.toString();
  };
  child.stdout.on('data', append);
  child.stderr.on('data', append);
  let over = false;
  const ended = once(child, 'close').then(([code, signal]: (number | NodeJS.Signals | null)[]) => {
    over = true;
    return code ?? signal ?? null;
  });
  onTestFinished(async () => {
    child.kill('SIGKILL');
    await ended;
  });
  return {
    child,
    port,
    output: () => text,
    waitForOutput: async (wanted, timeoutMs = START_TIMEOUT_MS) => {
      const found = () => (typeof wanted === 'string' ? text.includes(wanted) : wanted.test(text));
      await vi.waitUntil(() => found() || over, { timeout: timeoutMs, interval: 20 });
      assert(found(), `The program ended before it printed ${String(wanted)}. Output:\n${text}`);
    },
    signal: (name) => void child.kill(name),
    ended,
  };
}

/** Processes whose command line contains `path`. */
export function processesOf(path: string): string[] {
  return readdirSync('/proc')
    .filter((pid) => /^\d+$/.test(pid) && Number(pid) !== process.pid)
    .flatMap((pid) => {
      try {
        const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
        return command.includes(path) ? [`${pid} ${command}`] : [];
      } catch {
        return []; // The process has ended.
      }
    });
}

async function freePorts(): Promise<[number, number]> {
  const servers = [createServer(), createServer()];
  const ports = await Promise.all(
    servers.map(async (server) => {
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      return (server.address() as AddressInfo).port;
    }),
  );
  await Promise.all(servers.map((server) => new Promise((done) => server.close(done))));
  return ports as [number, number];
}
