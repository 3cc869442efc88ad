import { writeFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readStack } from '#shared/config/stack.ts';
import { hasKubectl, KustomizeCopy, NEEDS_KUBECTL } from '../tests/kustomize/kustomize-copy.ts';
import { NetworkModel, type Pod } from '../tests/kustomize/network-model.ts';

/** Which connections the policies of each overlay allow, computed from the resources that kustomize creates. */

const OVERLAYS = ['plain', 'openfaas', 'knative', 'external-stores', 'knative-external', 'openfaas-external'] as const;
type Overlay = (typeof OVERLAYS)[number];
const SERVERS = { ledger: 'mongodb', objects: 'minio', postgis: 'postgis', queue: 'control-database' };
const OUTSIDE = { ledger: 27017, objects: 443, postgis: 5432, queue: 5432 };
type Need = keyof typeof SERVERS;
const NEEDS = Object.keys(SERVERS) as Need[];

const { functions } = await readStack(undefined, {});
const available = await hasKubectl();
if (!available) console.warn(`kustomize/network-policies.server.test.ts is skipped: it ${NEEDS_KUBECTL}.`);

describe.skipIf(!available)(`network policies (${NEEDS_KUBECTL})`, () => {
  let copy: KustomizeCopy;
  const models = new Map<Overlay, NetworkModel>();
  const model = (overlay: Overlay) => models.get(overlay) ?? expect.fail(overlay);

  beforeAll(async () => {
    copy = new KustomizeCopy();
    for (const name of ['knative', 'openfaas']) writeExternalOverlay(copy.folder, name);
    for (const overlay of OVERLAYS) models.set(overlay, new NetworkModel(await copy.build(`overlays/${overlay}`)));
  });
  afterAll(() => copy.remove());

  /** What each pod of an overlay needs, from stack.yml and the files of the base. */
  const needsOf = (overlay: Overlay): Map<string, Need[]> => {
    const onKnative = overlay.startsWith('knative');
    const stores = Object.values(SERVERS).filter((name) => !onKnative || name !== SERVERS.queue);
    return new Map<string, Need[]>([
      ...functions.map((fn): [string, Need[]] => [
        fn.name,
        NEEDS.filter((need) => fn.needs.some((port) => port === need)),
      ]),
      ['sluice-gateway', NEEDS.filter((need) => !onKnative || need !== 'queue')],
      ['set-up', ['ledger', 'objects']],
      ...(overlay.includes('external') ? [] : stores.map((name): [string, Need[]] => [name, []])),
    ]);
  };

  test.each(OVERLAYS)('%s: every pod reaches exactly the servers that it needs', (overlay) => {
    const { pods, servers } = model(overlay);
    const names = servers.map(({ name }) => name);
    const onKnative = overlay.startsWith('knative');
    const expected = [...needsOf(overlay)].map(([name, needs]) => {
      const publishes = name === 'minio' || (name === 'monitor-runs' && !onKnative) ? ['sluice-gateway'] : [];
      const calls = name === 'sluice-gateway' ? functions.map((fn) => fn.name) : [];
      const wanted = [...needs.map((need) => SERVERS[need]), ...publishes, ...calls];
      return [name, wanted.filter((server) => names.includes(server)).sort()];
    });
    const actual = [...pods].map(([name, pod]) => [name, model(overlay).reachable(pod)]);
    expect(Object.fromEntries(actual)).toEqual(Object.fromEntries(expected));
  });

  test.each(OVERLAYS)(
    '%s: pods connect to servers outside of the cluster only as external-stores states',
    (overlay) => {
      const external = overlay.includes('external');
      const server: Pod = { namespace: '', labels: {}, address: '203.0.113.7' };
      for (const [name, needs] of needsOf(overlay)) {
        // The policies of a cluster do not apply to the namespace of OpenFaaS, where it has its own.
        const pod = model(overlay).pod(name);
        if (pod.namespace !== 'sluice') continue;
        const allowed = (need: Need) => model(overlay).allows(pod, server, OUTSIDE[need]);
        const ports = new Set((external ? needs : []).map((need) => OUTSIDE[need]));
        expect([name, NEEDS.filter(allowed)]).toEqual([name, NEEDS.filter((need) => ports.has(OUTSIDE[need]))]);
      }
    },
  );

  test.each(OVERLAYS)('%s: a pod of another namespace reaches nothing without a label of its namespace', (overlay) => {
    const { labels } = model(overlay).pod('sluice-gateway');
    expect(model(overlay).reachable({ namespace: 'default', labels })).toEqual([]);
  });

  test('the pods of a namespace with the label sluice.needs/X reach X, and nothing else', () => {
    const reachable = (need: string) =>
      model('plain').reachable({
        namespace: 'monitoring',
        labels: {},
        namespaceLabels: { [`sluice.needs/${need}`]: 'true' },
      });
    expect(reachable('gateway')).toEqual(['sluice-gateway']);
    expect(reachable('objects')).toEqual(['minio']);
    expect(reachable('functions')).toEqual(functions.map(({ name }) => name).sort());
  });

  test('the pod for maintenance reaches the ledger and the gateway', async () => {
    const resources = [...(await copy.build('overlays/plain')), ...(await copy.build('maintenance'))];
    const withPod = new NetworkModel(resources);
    expect(withPod.reachable(withPod.pod('maintenance'))).toEqual(['mongodb', 'sluice-gateway']);
  });

  test.each(OVERLAYS)('%s: every pod reaches DNS servers, and no other server at their ports', (overlay) => {
    const servers: Record<string, Pod> = {
      coreDns: { namespace: 'kube-system', labels: {} },
      openShift: { namespace: 'openshift-dns', labels: {} },
      nodeLocal: { namespace: '', labels: {}, address: '169.254.20.10' },
      metadata: { namespace: '', labels: {}, address: '169.254.169.254' },
      other: { namespace: 'default', labels: {} },
    };
    for (const client of [...model(overlay).pods.values()].filter(({ namespace }) => namespace === 'sluice'))
      for (const [port, protocol] of [53, 5353].flatMap((each) => [[each, 'UDP'] as const, [each, 'TCP'] as const]))
        expect(
          Object.entries(servers).flatMap(([name, server]) =>
            model(overlay).allows(client, server, port, protocol) ? [name] : [],
          ),
        ).toEqual(['coreDns', 'openShift', 'nodeLocal']);
  });

  test('on Knative, the publishers reach the broker, and Knative reaches the functions', () => {
    const { pods } = model('knative');
    const knative = (namespace: string): Pod => ({ namespace, labels: {} });
    const clients = [...pods].filter(([, pod]) => model('knative').allows(pod, knative('knative-eventing'), 8080));
    expect(clients.map(([name]) => name).sort()).toEqual(['fail-run', 'monitor-runs', 'sluice-gateway']);
    const called = (namespace: string) =>
      [...pods].filter(([, pod]) => model('knative').allows(knative(namespace), pod, 8012)).map(([name]) => name);
    const names = functions.map(({ name }) => name).sort();
    for (const namespace of ['knative-serving', 'knative-eventing', 'kourier-system'])
      expect(called(namespace).sort()).toEqual(names);
    expect([called('default'), called('sluice')]).toEqual([[], []]);
  });

  test('on OpenFaaS, only the gateway reaches the gateway of OpenFaaS', () => {
    const { pods } = model('openfaas');
    const server: Pod = { namespace: 'openfaas', labels: {} };
    const clients = [...pods].filter(
      ([, pod]) => pod.namespace === 'sluice' && model('openfaas').allows(pod, server, 8080),
    );
    expect(clients.map(([name]) => name)).toEqual(['sluice-gateway']);
  });
});

/** The overlay `NAME` with the component external-stores, as kustomize/README.md describes it. */
function writeExternalOverlay(folder: string, name: string): void {
  const path = join(folder, 'overlays', `${name}-external`);
  mkdirSync(path);
  writeFileSync(
    join(path, 'kustomization.yaml'),
    `resources: [../${name}]\ncomponents: [../../components/external-stores]\n`,
  );
}
