import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ApiServer, hasKubernetes, NEEDS_KUBERNETES, startApiServer } from '../tests/kubernetes.ts';
import { KustomizeCopy } from '../tests/kustomize/kustomize-copy.ts';

/**
 * Applies every overlay to a real API server, as a dry run that rejects unknown fields. KUBERNETES_CRDS is a folder
 * with the custom resource definitions of Knative and OpenFaaS. Resources of other kinds are not checked.
 */

const OVERLAYS = ['plain', 'openfaas', 'knative', 'external-stores'];
/** The CRD of Triggers keeps unknown fields of the specification. Without this line, they are rejected. */
const KEEPS_UNKNOWN = /^ {12}x-kubernetes-preserve-unknown-fields: true\n/m;

const available = await hasKubernetes();
if (!available) console.warn(`The overlays are not applied to an API server: ${NEEDS_KUBERNETES}.`);

describe.skipIf(!available)(`overlays on an API server (${NEEDS_KUBERNETES})`, () => {
  let server: ApiServer;
  let copy: KustomizeCopy;
  let served: string[];

  beforeAll(async () => {
    copy = new KustomizeCopy();
    server = await startApiServer();
    for (const definition of customResources()) await server.kubectl(['apply', '-f', '-'], definition);
    // Its labels make the server warn of pods that the namespace would reject.
    await server.kubectl(['apply', '-f', join(copy.folder, 'base', 'namespace.yaml')]);
    await server.kubectl(['create', 'namespace', 'openfaas-fn']);
    // A definition is served shortly after it was created.
    await server
      .kubectl(['wait', '--for=condition=Established', 'crd', '--all', '--timeout=60s'])
      .catch(() => undefined);
    served = (await server.kubectl(['api-versions'])).stdout.split('\n');
  });

  afterAll(async () => {
    await server.stop();
    await copy.remove();
  });

  const build = (overlay: string) => copy.build(`overlays/${overlay}`);

  test.each(OVERLAYS)('%s is accepted without a warning', async (overlay) => {
    const resources = await build(overlay);
    const known = resources.filter(({ apiVersion }) => served.includes(apiVersion));
    const kinds = new Set(resources.filter((each) => !known.includes(each)).map(({ kind }) => kind));
    if (kinds.size > 0)
      console.warn(`${overlay}: not checked, because KUBERNETES_CRDS lacks ${[...kinds].join(', ')}.`);
    const input = JSON.stringify({ apiVersion: 'v1', kind: 'List', items: known });
    const { stdout, stderr } = await server.kubectl(
      ['apply', '--dry-run=server', '--validate=strict', '-f', '-'],
      input,
    );
    expect(stderr).toBe('');
    expect(stdout.split('\n')).toHaveLength(known.length);
  });

  test.for([
    ['knative', 'Trigger'],
    ['openfaas', 'Function'],
  ] as const)('%s: a %s with an unknown field is rejected', async ([overlay, kind], context) => {
    const resource = (await build(overlay)).find((each) => each.kind === kind);
    if (!resource || !served.includes(resource.apiVersion))
      return context.skip(`needs the definition of ${kind} in KUBERNETES_CRDS`);
    const wrong = JSON.stringify({ ...resource, spec: { ...(resource.spec as object), filterz: [] } });
    await expect(
      server.kubectl(['apply', '--dry-run=server', '--validate=strict', '-f', '-'], wrong),
    ).rejects.toMatchObject({ stderr: expect.stringContaining('unknown field "spec.filterz"') });
  });

  test('a pod of a function that runs as root is rejected by the namespace', async () => {
    const deployment = (await build('plain')).find(
      ({ kind, metadata }) => kind === 'Deployment' && metadata.name === 'archive',
    );
    const { spec } = (deployment?.spec as { template: { spec: { containers: { securityContext: object }[] } } })
      .template;
    const podOf = (container: object) => ({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'archive', namespace: 'sluice' },
      spec: { ...spec, containers: [container] },
    });
    const [container] = spec.containers;
    const apply = (pod: object) => server.kubectl(['apply', '--dry-run=server', '-f', '-'], JSON.stringify(pod));
    expect((await apply(podOf(container ?? {}))).stdout).toContain('pod/archive created');
    const asRoot = podOf({ ...container, securityContext: { ...container?.securityContext, runAsUser: 0 } });
    await expect(apply(asRoot)).rejects.toMatchObject({
      stderr: expect.stringContaining('violates PodSecurity "restricted:latest"'),
    });
  });
});

/** The definitions in KUBERNETES_CRDS and its folders. */
function customResources(): string[] {
  const folder = process.env.KUBERNETES_CRDS;
  if (!folder) return [];
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.yaml'))
    .map((name) => {
      const text = readFileSync(join(folder, name), 'utf8');
      return name.includes('trigger') ? text.replace(KEEPS_UNKNOWN, '') : text;
    });
}
