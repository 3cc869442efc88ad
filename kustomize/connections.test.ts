import { readFileSync } from 'node:fs';
import { parseEnv } from 'node:util';
import { expect, test } from 'vitest';
import { parseStack, readStack } from '#shared/config/stack.ts';
import { connectionsOf } from './generator/connections.ts';
import { callsPerReplica, GATEWAY_CORES, GATEWAYS, maxReplicas } from './generator/replicas.ts';
import { podTemplate, readResources } from './read-resources.ts';

const read = (path: string) => readFileSync(new URL(`../${path}`, import.meta.url), 'utf8');

test('counts the sessions of all calls, and the other connections of all processes', () => {
  const stack = parseStack(`
functions:
  load:
    limits: { cpu: 1500m }
    annotations: { topic: a, sluice.concurrency: cores, sluice.small-concurrency: '1', sluice.needs: 'ledger,postgis,gdal' }
  clean:
    limits: { cpu: 500m }
    annotations: { topic: b, sluice.concurrency: '3', sluice.needs: 'ledger,postgis' }
`);
  expect(stack.functions.map(callsPerReplica)).toEqual([3, 3]);
  const [plain, , knative] = connectionsOf(stack);
  // 2 gateways with 3 calls each; load has 2 sessions per call; 3 processes per Deployment during an update.
  const services = (3 + 3 + 3) * 4;
  expect(plain).toMatchObject({
    replicas: 4,
    postgis: 6 * 2 + 6 * 1 + services,
    mongodb: (3 + 3 + 3) * 10,
    control: 45,
  });
  expect(knative).toMatchObject({ replicas: 8, postgis: 4 * (3 * 2 + 4) + 4 * (3 * 1 + 4) + 3 * 4, control: 0 });
});

test('the limits of the servers are above the connections at the maximum scale', async () => {
  const limits = parseEnv(read('kustomize/base/connections.env'));
  for (const { postgis, mongodb, control } of connectionsOf(await readStack(undefined, {}))) {
    expect(Number(limits.POSTGIS_MAX_CONNECTIONS)).toBeGreaterThanOrEqual(postgis + 20);
    expect(Number(limits.MONGODB_MAX_CONNECTIONS)).toBeGreaterThanOrEqual(mongodb + 20);
    expect(Number(limits.CONTROL_MAX_CONNECTIONS)).toBeGreaterThanOrEqual(control + 20);
  }
});

test('computes with the gateway of the base', () => {
  const gateway = readResources('base').find(({ kind }) => kind === 'Deployment');
  const cores = gateway && podTemplate(gateway)?.spec.containers[0]?.env.find(({ name }) => name === 'CORES');
  expect([gateway?.spec, cores]).toMatchObject([{ replicas: GATEWAYS }, { value: String(GATEWAY_CORES) }]);
});

test('functions without PostGIS scale further, and timed functions do not scale', async () => {
  const { find } = await readStack(undefined, {});
  const names = ['export-cog', 'load-to-postgis', 'monitor-runs'];
  expect(names.map((name) => maxReplicas(find(name) ?? expect.fail(name)))).toEqual([10, 4, 1]);
});
