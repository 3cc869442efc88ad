import { readStack, type Stack, type StackFunction } from '#shared/config/stack.ts';
import { connectionLimits } from './connections.ts';
import { knativeService, pingSource, triggers } from './knative.ts';
import { OPENFAAS_SERVERS, openfaasFunction, openfaasPolicy } from './openfaas.ts';
import { plainFunction } from './plain.ts';
import { type KustomizeFile, type Resource, resourceFile } from './resource.ts';

/** The files below kustomize/ that depend on stack.yml. The variables of the environment do not change them. */

const stack = () => readStack(undefined, {});

function forEachFunction(path: string, resources: (fn: StackFunction, stack: Stack) => Resource[]): KustomizeFile {
  return resourceFile(path, async () => {
    const all = await stack();
    return all.functions.flatMap((fn) => resources(fn, all));
  });
}

export const kustomizeFiles: readonly KustomizeFile[] = [
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
];
