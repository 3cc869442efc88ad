import { readFileSync } from 'node:fs';
import { parseEnv } from 'node:util';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { ENV_SCHEMA } from '#shared/config/env.ts';
import { CRON_TOPIC, readStack } from '#shared/config/stack.ts';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { decideOutcome } from '../gateway/router/outcome.ts';
import { type PodTemplate, podTemplate, readResources } from './read-resources.ts';

const read = (path: string) => readFileSync(new URL(`../${path}`, import.meta.url), 'utf8');

const stack = await readStack(undefined, {});
const base = readResources('base');
const plain = readResources('overlays/plain');
const knative = readResources('overlays/knative');
const ofKind = (resources: typeof base, kind: string) => resources.filter((resource) => resource.kind === kind);
const isSubset = (part: Record<string, string>, whole: Record<string, string>) =>
  Object.entries(part).every(([name, value]) => whole[name] === value);

test('every subscription of stack.yml has exactly one Trigger, with the dead-letter sink', () => {
  const subscriptions = ofKind(knative, 'Trigger').map(({ spec }) => {
    const { filters, subscriber, delivery } = spec as {
      filters: { exact: { type: string } }[];
      subscriber: { ref: { name: string } };
      delivery: { retry: number; backoffDelay: string; deadLetterSink: { ref: { kind: string; name: string } } };
    };
    expect(delivery).toMatchObject({
      backoffDelay: 'PT1S',
      deadLetterSink: { ref: { kind: 'Service', name: stack.deadLetterSink } },
    });
    return filters.map(({ exact }) => `${exact.type} ${subscriber.ref.name}`).join();
  });
  const declared = stack.functions.flatMap(({ name, topics }) =>
    topics.filter((topic) => topic !== CRON_TOPIC).map((topic) => `${topic} ${name}`),
  );
  expect(subscriptions.sort()).toEqual(declared.sort());
  expect(new Set(ofKind(knative, 'Trigger').map(({ metadata }) => metadata.name)).size).toBe(declared.length);
});

test('every function with a schedule has a PingSource', () => {
  const sources = ofKind(knative, 'PingSource').map(({ spec }) => {
    const { schedule, sink } = spec as { schedule: string; sink: { ref: { name: string } } };
    return [sink.ref.name, schedule];
  });
  expect(sources).toEqual(stack.functions.flatMap((fn) => (fn.schedule ? [[fn.name, fn.schedule]] : [])));
});

test('a step on Knative ends before of-watchdog, Knative and the broker end the request', () => {
  const settings = parseEnv(read('kustomize/overlays/knative/settings.env'));
  const [, margin] = /STEP_TIMEOUT_SECONDS:-\d+\} \+ (\d+)/.exec(read('templates/start-watchdog.sh')) ?? [];
  const templates = knative.filter(({ apiVersion }) => apiVersion.startsWith('serving')).map(podTemplate);
  for (const template of templates) {
    expect(template?.spec.timeoutSeconds).toBe(600); // The default of max-revision-timeout-seconds.
    expect(template?.spec.responseStartTimeoutSeconds).toBe(600);
  }
  expect(Number(settings.STEP_TIMEOUT_SECONDS) + Number(margin)).toBe(600);
  for (const { spec } of ofKind(knative, 'Trigger'))
    expect(spec).toMatchObject({ delivery: { timeout: 'PT600S', backoffPolicy: 'exponential', retry: 8 } });
});

test('the router retries a step for more than five minutes while a store is unavailable', () => {
  const policy = ENV_SCHEMA.pick({ RETRY_LIMIT: true, RETRY_DELAY_SECONDS: true, RETRY_DELAY_MAX_SECONDS: true }).parse(
    parseEnv(read('kustomize/base/settings.env')),
  );
  const failed = { error: new SluiceError('DATABASE_UNAVAILABLE', 'down') };
  const shortestDelay = (attempt: number) => {
    const outcome = decideOutcome(failed, { attempt, deferrals: 0, crashes: 0, workerDeaths: 0 }, policy, false, 1);
    return outcome.kind === 'retry' ? outcome.afterSeconds : expect.fail(`${outcome.kind} after attempt ${attempt}`);
  };
  const delays = Array.from({ length: policy.RETRY_LIMIT }, (_, index) => shortestDelay(index + 1));
  expect(delays.reduce((sum, delay) => sum + delay, 0)).toBeGreaterThan(300);
});

test.each(
  [...base, ...plain].filter((resource) => resource.kind !== 'NetworkPolicy').map((each) => [each.kind, each] as const),
)('%s selects pods that exist', (_kind, { kind, spec }) => {
  const templates = [...base, ...plain].flatMap((resource) => podTemplate(resource) ?? []);
  const { selector = {} } = (spec ?? {}) as { selector?: { matchLabels?: Record<string, string> } };
  const labels = kind === 'Service' ? (selector as Record<string, string>) : (selector.matchLabels ?? {});
  const selected = templates.filter(({ metadata }) => isSubset(labels, metadata.labels));
  if (Object.keys(labels).length > 0) expect(selected).toHaveLength(1);
  else expect(['Namespace', 'Job']).toContain(kind);
});

const pods = [...base, ...plain, ...knative, ...readResources('maintenance')].flatMap((resource) => {
  const template = podTemplate(resource);
  return template?.spec.volumes === undefined
    ? []
    : [[`${resource.kind} ${resource.metadata.name}`, template] as const];
});

test.each(pods)('%s follows the Pod Security Standard "restricted"', (_name, { spec }: PodTemplate) => {
  expect(spec.automountServiceAccountToken).toBe(false);
  for (const { securityContext } of [...spec.containers, ...(spec.initContainers ?? [])]) {
    expect(securityContext).toMatchObject({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    });
    expect({ ...spec.securityContext, ...securityContext }).toMatchObject({
      runAsNonRoot: true,
      runAsUser: expect.any(Number),
      seccompProfile: { type: 'RuntimeDefault' },
    });
  }
});

test('external-stores copies each of its settings to the functions of OpenFaaS', () => {
  const { replacements } = parse(read('kustomize/components/external-stores/kustomization.yaml')) as {
    replacements: { source: { fieldPath: string }; targets: { fieldPaths: string[] }[] }[];
  };
  const settings = Object.keys(parseEnv(read('kustomize/components/external-stores/settings.env')));
  expect(replacements.map(({ source }) => source.fieldPath)).toEqual(settings.map((name) => `data.${name}`));
  expect(replacements.flatMap(({ targets }) => targets.flatMap(({ fieldPaths }) => fieldPaths))).toEqual(
    settings.map((name) => `spec.environment.${name}`),
  );
});

test.each(stack.functions.map((fn) => [fn.name, fn] as const))('%s has what stack.yml declares', (name, fn) => {
  const services = knative.filter(({ apiVersion }) => apiVersion.startsWith('serving'));
  for (const resources of [ofKind(plain, 'Deployment'), services]) {
    const template = podTemplate(resources.find(({ metadata }) => metadata.name === name) ?? expect.fail(name));
    const mounted = template?.spec.volumes.find((volume) => volume.name === 'secrets')?.projected?.sources;
    expect(mounted?.map(({ secret }) => secret.name)).toEqual(fn.secrets);
    const variables = template?.spec.containers[0]?.env.map((variable) => variable.name);
    expect(variables).toEqual(['CORES', ...Object.keys(fn.environment)]);
  }
});
