import { readStack } from '#shared/config/stack.ts';
import { connectionLimits, connectionsOf } from '../../kustomize/generator/connections.ts';
import { callsPerReplica, maxReplicas, plainReplicas } from '../../kustomize/generator/replicas.ts';
import { type GeneratedFile, generatedFrom } from './generated-file.ts';

/** docs/connections.md: replicas and connections of each overlay. The variables of the environment do not change it. */
export const connectionsDocument: GeneratedFile = { path: 'docs/connections.md', content: connectionsMarkdown };

/** The connections of each overlay, and the limits of the servers, as a Markdown table. */
export async function connectionsTable(): Promise<string> {
  const all = await readStack(undefined, {});
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

async function connectionsMarkdown(): Promise<string> {
  const { functions } = await readStack(undefined, {});
  return [
    generatedFrom('stack.yml'),
    '# Replicas and connections',
    ...['', 'At the maximum scale, the gateway and the functions open at most this many connections:', ''],
    await connectionsTable(),
    '',
    'The limits are in `kustomize/base/connections.env`, for one server of each kind. They are computed by',
    '`kustomize/generator/connections.ts`, and the replicas by `kustomize/generator/replicas.ts`.',
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
