import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Listener, listen } from '../gateway/api/listen.ts';
import manifest from '../package.json' with { type: 'json' };

/** `sluice` in a separate process, while Sluice is starting or unreachable. */

const LAUNCHER = fileURLToPath(new URL('./sluice.mjs', import.meta.url));
/** Simulates a Node that is too old, so that the launcher starts another one. */
const OLD_NODE = [
  '--import',
  'data:text/javascript,Object.defineProperty(process,"versions",{value:{...process.versions,node:"20.19.0"}})',
];
const RUN_FIELDS = { run_id: null, batch_id: null, status: 'failure', steps: [], asset: null };

/** A listener that responds as a starting gateway, until `answerWith`. */
let gateway: Listener;
beforeEach(async () => {
  gateway = await listen({ HOST: '127.0.0.1', PORT: 0 });
});
afterEach(() => gateway.close());

const variables = () => ({ LOG_LEVEL: 'silent', SLUICE_URL: `http://127.0.0.1:${gateway.port}` });
const run = (args: string[], more: Record<string, string> = {}) =>
  execa(process.execPath, [LAUNCHER, ...args], { reject: false, env: { ...variables(), ...more } });

test('--version prints the version of the package', async () => {
  expect(await run(['--version'])).toMatchObject({ exitCode: 0, stdout: manifest.version });
});

test('a closed pipe ends the program without an error message', async () => {
  const child = spawn(process.execPath, [LAUNCHER, '--help'], { stdio: ['ignore', 'pipe', 'pipe'] });
  child.stdout.destroy();
  let message = '';
  child.stderr.on('data', (chunk: Buffer) => {
    message += chunk.toString();
  });
  expect(await once(child, 'close')).toEqual([141, null]);
  expect(message).toBe('');
});

describe('while Sluice is starting', () => {
  test('a command waits with a message, and continues when the gateway is ready', async () => {
    const child = run(['runs', '--json']);
    for await (const line of child.iterable({ from: 'stderr' })) {
      expect(line).toBe(`Sluice is starting at http://127.0.0.1:${gateway.port}. Waiting until it is ready …`);
      gateway.answerWith(() => Response.json([]));
    }
    expect(await child).toMatchObject({ exitCode: 0, stdout: '[]' });
  });

  test('an upload is repeated completely', async () => {
    const bodies: string[] = [];
    const child = run([
      'ingest',
      fileURLToPath(new URL('../package.json', import.meta.url)),
      '--format',
      'GeoJSON',
      '--dataset',
      'x',
      '--json',
    ]);
    for await (const _line of child.iterable({ from: 'stderr' })) {
      gateway.answerWith(async (request) => {
        if (request.method !== 'PUT')
          return Response.json(
            { error: { code: 'BATCH_NOT_FOUND', message: 'Enough.', details: {} } },
            { status: 404 },
          );
        bodies.push(await request.text());
        return Response.json({}, { status: 201 });
      });
    }
    expect(JSON.parse((await child).stdout)).toMatchObject({ error: { code: 'BATCH_NOT_FOUND' } });
    expect(bodies.map((text) => Object.keys(JSON.parse(text) as object)[0])).toEqual(['name', 'batch_id']);
  });

  test('Ctrl-C ends the wait', async () => {
    const child = run(['ingest', LAUNCHER, '--format', 'GeoJSON', '--dataset', 'x']);
    for await (const line of child.iterable({ from: 'stderr' }))
      if (line.startsWith('Sluice is starting')) child.kill('SIGINT');
    expect(await child).toMatchObject({ exitCode: 130, stderr: expect.stringContaining('Interrupted.') as string });
  });
});

describe('wrong usage with --json writes one document', () => {
  test.each([
    [
      ['ingest', 'x.zip', '--json'],
      {
        ...RUN_FIELDS,
        error: { code: 'REQUEST_INVALID', message: "required option '--dataset <name>' not specified" },
      },
    ],
    [['run', '--json'], { ...RUN_FIELDS, error: { message: "missing required argument 'run'" } }],
    [
      ['join', 'a', 'b', '--on', 'x', '--dataset', 'c', '--how', 'outer', '--json'],
      {
        ...RUN_FIELDS,
        error: { message: "option '--how <how>' argument 'outer' is invalid. Allowed choices are left, inner." },
      },
    ],
    [
      ['assets', '--limit', '0', '--json'],
      {
        error: {
          code: 'REQUEST_INVALID',
          message: "option '--limit <count>' argument '0' is invalid. It must be a whole number from 1 to 500.",
        },
      },
    ],
    [['inges', '--json'], { error: { message: expect.stringContaining("unknown command 'inges'") as string } }],
  ])('%j', async (args, document) => {
    const { exitCode, stdout, stderr } = await run(args);
    expect([exitCode, JSON.parse(stdout)]).toMatchObject([2, document]);
    expect(stderr).toContain('error: ');
  });

  test('an invalid environment variable writes one document', async () => {
    const { exitCode, stdout, stderr } = await run(['run', 'r', '--json'], { PORT: 'abc' });
    expect([exitCode, JSON.parse(stdout)]).toMatchObject([2, { ...RUN_FIELDS, error: { code: 'CONFIG_INVALID' } }]);
    expect(stderr).toContain('PORT is "abc", but must be a whole number from 0 to 65535');
  });
});

describe('on a Node that is too old, the launcher starts another Node', () => {
  const start = () =>
    spawn(process.execPath, [...OLD_NODE, LAUNCHER, 'runs'], {
      env: { ...process.env, ...variables() },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });

  test('which ends when the launcher is killed', { timeout: 30_000 }, async () => {
    const launcher = start();
    const closed = once(launcher, 'close'); // All processes have closed its streams.
    await once(launcher.stderr, 'data');
    launcher.kill('SIGKILL');
    expect(await closed).toEqual([null, 'SIGKILL']);
  });

  test('which handles Ctrl-C', async () => {
    const launcher = start();
    await once(launcher.stderr, 'data');
    process.kill(-(launcher.pid ?? 0), 'SIGINT'); // A terminal sends the signal to both processes.
    expect(await once(launcher, 'close')).toEqual([130, null]);
  });

  test('and returns the exit code of the command', async () => {
    expect(
      await execa(process.execPath, [...OLD_NODE, LAUNCHER, 'runs', '--nope'], { reject: false, env: variables() }),
    ).toMatchObject({ exitCode: 2 });
  });
});
