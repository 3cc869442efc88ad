import { readFileSync } from 'node:fs';
import { parseEnv } from 'node:util';
import type { StackFunction } from '#shared/config/stack.ts';
import { callsPerGateway, maxReplicas } from './replicas.ts';
import { coresOf, podLabels } from './function-pod.ts';
import type { Resource } from './resource.ts';

const SETTINGS_FILE = new URL('../base/settings.env', import.meta.url);

/** A Function, as `faas-cli generate --api openfaas.com/v1` writes it, with the settings of base/settings.env. */
export function openfaasFunction(fn: StackFunction): Resource {
  const { name, image, annotations, secrets, limits, requests, readonly_root_filesystem } = fn;
  return {
    apiVersion: 'openfaas.com/v1',
    kind: 'Function',
    metadata: { name },
    spec: {
      name,
      image,
      environment: { CORES: String(coresOf(fn)), ...environmentOf(fn) },
      labels: {
        'com.openfaas.scale.min': '1',
        'com.openfaas.scale.max': String(maxReplicas(fn)),
        'com.openfaas.scale.type': 'capacity',
        'com.openfaas.scale.target': String(callsPerGateway(fn)),
      },
      annotations,
      secrets,
      limits,
      requests,
      readOnlyRootFilesystem: readonly_root_filesystem,
    },
  };
}

/** Which functions reach a server from the namespace of OpenFaaS, which labels their pods. */
export function openfaasPolicy(functions: StackFunction[], { need, server, port }: OpenfaasServer): Resource {
  const names = functions.filter((fn) => podLabels(fn, 'gateway')[`sluice.needs/${need}`]).map(({ name }) => name);
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: { name: `${server}-from-openfaas`, namespace: 'sluice' },
    spec: {
      podSelector: { matchLabels: { 'app.kubernetes.io/name': server } },
      policyTypes: ['Ingress'],
      ingress: [
        {
          from: [
            {
              namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'openfaas-fn' } },
              podSelector: { matchExpressions: [{ key: 'faas_function', operator: 'In', values: names }] },
            },
          ],
          ports: [{ port }],
        },
      ],
    },
  };
}

interface OpenfaasServer {
  need: string;
  server: string;
  port: number;
}

/** The servers of base/network-policies.yaml that functions connect to. */
export const OPENFAAS_SERVERS: readonly OpenfaasServer[] = [
  { need: 'ledger', server: 'mongodb', port: 27017 },
  { need: 'objects', server: 'minio', port: 9000 },
  { need: 'postgis', server: 'postgis', port: 5432 },
  { need: 'gateway', server: 'sluice-gateway', port: 8080 },
];

/** Functions cannot read a ConfigMap, so the values are copied. */
function environmentOf({ environment }: StackFunction): Record<string, string> {
  const settings = parseEnv(readFileSync(SETTINGS_FILE, 'utf8'));
  return Object.fromEntries(
    Object.entries(environment).flatMap(([name, value]) => {
      const text = name.endsWith('_FILE') ? value : settings[name];
      return text === undefined ? [] : [[name, text]];
    }),
  );
}
