import { readStack, type Stack, type StackFunction } from '#shared/config/stack.ts';
import { type GeneratedFile, generatedFrom } from '../../docs/generators/generated-file.ts';
import { callsPerReplica, connectionLimits, connectionsOf, maxReplicas, plainReplicas } from './connections.ts';
import { knativeService, pingSource, triggers } from './knative.ts';
import { OPENFAAS_SERVERS, openfaasFunction, openfaasPolicy } from './openfaas.ts';
import { plainFunction } from './plain.ts';
import { type Resource, resourceFile } from './resource.ts';

/** The files below kustomize/ that depend on stack.yml. The variables of the environment do not change them. */

const stack = () => readStack(undefined, {});

function forEachFunction(path: string, resources: (fn: StackFunction, stack: Stack) => Resource[]): GeneratedFile {
  return resourceFile(path, async () => {
    const all = await stack();
    return all.functions.flatMap((fn) => resources(fn, all));
  });
}

export const kustomizeFiles: readonly GeneratedFile[] = [
  forEachFunction('overlays/plain/functions.yaml', plainFunction),
  forEachFunction('overlays/openfaas/functions/functions.yaml', (fn) => [openfaasFunction(fn)]),
  resourceFile('overlays/openfaas/function-policies.yaml', async () => {
    const { functions } = await stack();
    return OPENFAAS_SERVERS.map((server) => openfaasPolicy(functions, server));
  }),
  forEachFunction('overlays/knative/functions.yaml', (fn) => [knativeService(fn)]),
  forEachFunction('overlays/knative/subscriptions.yaml', (fn, { deadLetterSink = '' }) => [
    ...triggers(fn, deadLetterSink),
    ...pingSource(fn),
  ]),
  {
    path: 'kustomize/base/connections.env',
    content: async () => {
      const lines = Object.entries(connectionLimits(await stack())).map(([name, value]) => `${name}=${value}`);
      return `# Generated from stack.yml by \`npm run generate\`. Do not edit.\n${lines.join('\n')}\n`;
    },
  },
  { path: 'kustomize/connections.md', content: connectionsDocument },
];

/** The connections of each overlay, and the limits of the servers, as a Markdown table. */
export async function connectionsTable(): Promise<string> {
  const all = await stack();
  return [
    '| overlay | replicas of functions | PostGIS | MongoDB | control database |',
    '|---|--:|--:|--:|--:|',
    ...connectionsOf(all).map(
      ({ overlay, replicas, postgis, mongodb, control }) =>
        `| ${overlay} | ${replicas} | ${postgis} | ${mongodb} | ${control} |`,
    ),
    `| limit of the server | | ${Object.values(connectionLimits(all)).join(' | ')} |`,
  ].join('\n');
}

async function connectionsDocument(): Promise<string> {
  const { functions } = await stack();
  return [
    generatedFrom('stack.yml'),
    '# Replicas and connections',
    ...['', 'At the maximum scale, the gateway and the functions open at most this many connections:', ''],
    await connectionsTable(),
    '',
    'The limits are in `base/connections.env`, for one server of each kind. `generator/connections.ts` computes them.',
    '',
    'Each replica requests the first and may use the second amount of processor time and memory.',
    '',
    '| function | replicas (plain) | at most (openfaas, knative) | calls per replica (knative) | cpu | memory |',
    '|---|--:|--:|--:|---|---|',
    ...functions.map((fn) => {
      const amounts = (['cpu', 'memory'] as const).map((name) => `${fn.requests[name]}, ${fn.limits[name]}`);
      return `| ${[fn.name, plainReplicas(fn), maxReplicas(fn), callsPerReplica(fn), ...amounts].join(' | ')} |`;
    }),
    '',
  ].join('\n');
}
