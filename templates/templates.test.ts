import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { ENV_SCHEMA } from '#shared/config/env.ts';
import { type PortName, readStack } from '#shared/config/stack.ts';
import { replaceTable } from './replace-table.ts';

const read = (path: string) => readFileSync(new URL(`../${path}`, import.meta.url), 'utf8');
const json = <T>(path: string) => JSON.parse(read(path)) as T;

const { functions } = await readStack(undefined, {});
const packages = json<Record<string, string[]>>('templates/packages.json');
const dockerfiles = ['templates/node/Dockerfile', 'templates/node-gdal/Dockerfile', 'gateway/Dockerfile'];

test('every list of packages contains only dependencies of package.json', () => {
  const { dependencies } = json<{ dependencies: Record<string, string> }>('package.json');
  expect(Object.keys(packages).sort()).toEqual([...functions.map(({ name }) => name), 'gateway'].sort());
  for (const [name, list] of Object.entries(packages))
    expect([name, list.filter((each) => dependencies[each] === undefined)]).toEqual([name, []]);
});

test('only functions that use DuckDB have it in their image', () => {
  const using = Object.keys(packages).filter((name) => packages[name]?.includes('@duckdb/node-api'));
  expect(using).toEqual(['export-geoparquet', 'export-parquet', 'join', 'load-to-postgis']);
});

test('the Dockerfiles have the same base image, with its digest', () => {
  const bases = dockerfiles.map((path) => /^ARG NODE_IMAGE=.+$/m.exec(read(path))?.[0]);
  expect(new Set(bases).size).toBe(1);
  expect(bases[0]).toMatch(/=node:24-bookworm-slim@sha256:[0-9a-f]{64}$/);
});

test('the templates differ only in GDAL and its sandbox', () => {
  const withoutGdal = read('templates/node-gdal/Dockerfile')
    .replace(/^# tini [^]*?(?=^FROM gdal)/m, '')
    .replace('FROM gdal AS function', 'FROM ${NODE_IMAGE} AS function')
    .replace('ENTRYPOINT ["tini", "--"]', 'ENTRYPOINT []')
    .replace(', with GDAL"', '"');
  const withoutTitle = (text: string) => text.slice(text.indexOf('\n\n')).replaceAll('node-gdal', 'node');
  expect(withoutTitle(withoutGdal)).toBe(withoutTitle(read('templates/node/Dockerfile')));
});

test('the watchdog waits at least as long as the router for a step', () => {
  const [, step, margin] = /STEP_TIMEOUT_SECONDS:-(\d+)\} \+ (\d+)/.exec(read('templates/start-watchdog.sh')) ?? [];
  const [, callMargin] = /CALL_MARGIN_SECONDS = (\d+)/.exec(read('gateway/router/deliver.ts')) ?? [];
  expect(Number(step)).toBe(ENV_SCHEMA.shape.STEP_TIMEOUT_SECONDS.parse(undefined));
  expect(Number(margin)).toBeGreaterThanOrEqual(Number(callMargin));
});

const SECRETS_OF: Record<PortName, string[]> = {
  ledger: ['sluice-ledger-url'],
  objects: ['sluice-s3-access-key-id', 'sluice-s3-secret-access-key'],
  postgis: ['sluice-postgis-url'],
  gdal: [],
};

test.each(functions.map((fn) => [fn.name, fn] as const))('stack.yml declares everything for %s', (name, fn) => {
  expect(fn).toMatchObject({
    build_args: { FUNCTION: name },
    readonly_root_filesystem: true,
    limits: { memory: expect.any(String) as string, cpu: expect.any(String) as string },
    requests: { memory: expect.any(String) as string, cpu: expect.any(String) as string },
  });
  const unknown = Object.keys(fn.environment).filter((each) => !(each.replace(/_FILE$/, '') in ENV_SCHEMA.shape));
  expect(unknown).toEqual([]);
  const mounted = Object.values(fn.environment).filter((value) => value.startsWith('/var/openfaas/secrets/'));
  expect(mounted.map((path) => path.split('/').at(-1)).sort()).toEqual([...fn.secrets].sort());
  const ofPorts = fn.needs.flatMap((port) => SECRETS_OF[port]);
  expect(fn.secrets.filter((each) => each !== 'sluice-webhook-token').sort()).toEqual(ofPorts.sort());
});

test('only the table of a document is replaced', () => {
  const document = '# Images\n\n| image | size |\n|---|--:|\n| a | 1 |\n\nEnd | of | it.\n';
  expect(replaceTable(document, '| image |\n|---|')).toBe('# Images\n\n| image |\n|---|\n\nEnd | of | it.\n');
});
