import assert from 'node:assert/strict';
import { BlockList } from 'node:net';
import { podTemplate } from '../../kustomize/read-resources.ts';
import type { Resource } from '../../kustomize/generator/resource.ts';

/** Which connections NetworkPolicies allow, by the egress of the client and the ingress of the server. */

type Labels = Record<string, string>;
interface Selector {
  matchLabels?: Labels;
  matchExpressions?: { key: string; operator: string; values: string[] }[];
}
interface Peer {
  namespaceSelector?: Selector;
  podSelector?: Selector;
  ipBlock?: { cidr: string };
}
interface Port {
  port: number;
  protocol?: string;
}
interface PolicySpec {
  podSelector: Selector;
  policyTypes: ('Ingress' | 'Egress')[];
  ingress?: { from: Peer[]; ports?: Port[] }[];
  egress?: { to: Peer[]; ports?: Port[] }[];
}

export interface Pod {
  namespace: string;
  labels: Labels;
  /** In addition to the name of the namespace. */
  namespaceLabels?: Labels;
  /** Of a server outside of the cluster, or in the network of a node. No selector matches it. */
  address?: string;
}

/** A Service, as its clients see it: its pods, and the port of these pods. */
export interface Server {
  name: string;
  pod: Pod;
  port: number;
}

/** The label of the pods that OpenFaaS creates for a Function. */
const OPENFAAS_LABEL = 'faas_function';

export class NetworkModel {
  readonly #policies: { namespace: string; spec: PolicySpec }[];
  /** By the name of the resource. */
  readonly pods: Map<string, Pod>;
  readonly servers: Server[];

  /** `resources` are those of an overlay, after kustomize. */
  constructor(resources: Resource[]) {
    this.#policies = resources
      .filter(({ kind }) => kind === 'NetworkPolicy')
      .map((each) => ({ namespace: namespaceOf(each), spec: each.spec as PolicySpec }));
    this.pods = new Map(resources.flatMap((each) => (podOf(each) ? [[each.metadata.name, podOf(each) as Pod]] : [])));
    this.servers = resources
      .filter(({ apiVersion, kind }) => apiVersion === 'v1' && kind === 'Service')
      .map((service) => serverOf(service, resources));
  }

  pod(name: string): Pod {
    return this.pods.get(name) ?? assert.fail(`${name} has no pods`);
  }

  /** The names of the Services that a pod can connect to, sorted. */
  reachable(client: Pod): string[] {
    return this.servers
      .filter(({ pod, port }) => this.allows(client, pod, port))
      .map(({ name }) => name)
      .sort();
  }

  allows(client: Pod, server: Pod, port: number, protocol = 'TCP'): boolean {
    const [egress, ingress] = [this.#applied(client, 'Egress'), this.#applied(server, 'Ingress')];
    const hasPort = (ports?: Port[]) =>
      ports === undefined || ports.some((each) => each.port === port && (each.protocol ?? 'TCP') === protocol);
    const leaves = egress.some(({ namespace, spec }) =>
      (spec.egress ?? []).some(({ to, ports }) => hasPort(ports) && to.some((peer) => isPeer(peer, server, namespace))),
    );
    const enters = ingress.some(({ namespace, spec }) =>
      (spec.ingress ?? []).some(
        ({ from, ports }) => hasPort(ports) && from.some((peer) => isPeer(peer, client, namespace)),
      ),
    );
    return (egress.length === 0 || leaves) && (ingress.length === 0 || enters);
  }

  #applied(pod: Pod, type: 'Ingress' | 'Egress') {
    return this.#policies.filter(
      ({ namespace, spec }) =>
        pod.address === undefined &&
        namespace === pod.namespace &&
        spec.policyTypes.includes(type) &&
        matches(spec.podSelector, pod.labels),
    );
  }
}

function matches({ matchLabels = {}, matchExpressions = [] }: Selector, labels: Labels): boolean {
  return (
    Object.entries(matchLabels).every(([name, value]) => labels[name] === value) &&
    matchExpressions.every(({ key, operator, values }) => {
      assert.equal(operator, 'In', 'The model supports no other operator.');
      return values.includes(labels[key] ?? '');
    })
  );
}

function isPeer({ namespaceSelector, podSelector, ipBlock }: Peer, pod: Pod, policyNamespace: string): boolean {
  const { namespace, labels, namespaceLabels, address } = pod;
  if (ipBlock) return address !== undefined && isInRange(address, ipBlock.cidr);
  if (address !== undefined) return false;
  const inNamespace = namespaceSelector
    ? matches(namespaceSelector, { 'kubernetes.io/metadata.name': namespace, ...namespaceLabels })
    : namespace === policyNamespace;
  return inNamespace && (podSelector === undefined || matches(podSelector, labels));
}

function isInRange(address: string, cidr: string): boolean {
  const [network = '', bits] = cidr.split('/');
  const range = new BlockList();
  range.addSubnet(network, Number(bits));
  return range.check(address);
}

/** The pods of a resource: of its template, or those that OpenFaaS creates for a Function. */
function podOf(resource: Resource): Pod | undefined {
  const namespace = namespaceOf(resource);
  const { kind, metadata } = resource;
  if (kind === 'Function') return { namespace, labels: { [OPENFAAS_LABEL]: metadata.name } };
  const template = podTemplate(resource);
  return template && { namespace, labels: template.metadata.labels };
}

function namespaceOf({ kind, metadata }: Resource): string {
  return kind === 'Namespace' ? '' : (metadata.namespace ?? assert.fail(`${metadata.name} has no namespace`));
}

interface Container {
  ports?: { name?: string; containerPort: number }[];
}

/** Fails if the Service has not exactly one kind of pods, or if these do not declare its port. */
function serverOf(service: Resource, resources: Resource[]): Server {
  const { selector, ports } = service.spec as { selector: Labels; ports: { port: number; targetPort?: string }[] };
  const { name } = service.metadata;
  const workloads = resources.filter((each) => {
    const pod = podOf(each);
    return pod?.namespace === namespaceOf(service) && matches({ matchLabels: selector }, pod.labels);
  });
  const [workload, ...others] = workloads;
  assert(workload && others.length === 0 && ports.length === 1, `The Service ${name} is ambiguous.`);
  const target = ports[0]?.targetPort ?? ports[0]?.port;
  const containers = (podTemplate(workload)?.spec.containers ?? []) as Container[];
  const declared = containers
    .flatMap((container) => container.ports ?? [])
    .find((port) => port.name === target || port.containerPort === target);
  assert(declared, `No container has the port ${target} of the Service ${name}.`);
  return { name, pod: podOf(workload) as Pod, port: declared.containerPort };
}
