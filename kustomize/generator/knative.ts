import { CRON_TOPIC, type StackFunction } from '#shared/config/stack.ts';
import { callsPerReplica, maxReplicas } from './replicas.ts';
import { FUNCTION_PORT, functionContainer, functionVolumes, podLabels, PROBES } from './function-pod.ts';
import type { Resource } from './resource.ts';

/** The largest timeout that Knative accepts by default (max-revision-timeout-seconds). */
export const REVISION_TIMEOUT_SECONDS = 600;
/**
 * With delays of 2, 4, 8, … seconds, the last of 8 retries is 8.5 minutes after the first attempt. This outlasts the
 * lease of a claim (30 s) and the restart of a database.
 */
export const RETRIES = 8;

/** The name of overlays/knative/broker.yaml. */
const BROKER = 'default';

/** A Knative Service for a function. It ends its replicas when no event arrives. */
export function knativeService(fn: StackFunction): Resource {
  return {
    apiVersion: 'serving.knative.dev/v1',
    kind: 'Service',
    metadata: { name: fn.name, labels: { 'networking.knative.dev/visibility': 'cluster-local' } },
    spec: {
      template: {
        metadata: {
          labels: podLabels(fn, 'broker'),
          annotations: {
            'autoscaling.knative.dev/min-scale': '0',
            'autoscaling.knative.dev/max-scale': String(maxReplicas(fn)),
          },
        },
        spec: {
          containerConcurrency: callsPerReplica(fn),
          timeoutSeconds: REVISION_TIMEOUT_SECONDS,
          // The reply begins when the step ends. The default is 300 s.
          responseStartTimeoutSeconds: REVISION_TIMEOUT_SECONDS,
          automountServiceAccountToken: false,
          enableServiceLinks: false,
          containers: [
            {
              ...functionContainer(fn),
              ports: [{ containerPort: FUNCTION_PORT }],
              readinessProbe: { httpGet: { path: PROBES.ready } },
              // On a busy node, a process of Node.js needs more than 30 s to start.
              startupProbe: { httpGet: { path: PROBES.live }, periodSeconds: 2, failureThreshold: 60 },
              livenessProbe: { httpGet: { path: PROBES.live }, timeoutSeconds: 5, failureThreshold: 6 },
            },
          ],
          volumes: functionVolumes(fn),
        },
      },
    },
  };
}

/** One Trigger for each event type that the function receives. */
export function triggers(fn: StackFunction, deadLetterSink: string): Resource[] {
  return fn.topics
    .filter((topic) => topic !== CRON_TOPIC)
    .map((topic) => ({
      apiVersion: 'eventing.knative.dev/v1',
      kind: 'Trigger',
      metadata: { name: triggerName(fn.name, topic) },
      spec: {
        broker: BROKER,
        filters: [{ exact: { type: topic } }],
        subscriber: { ref: serviceRef(fn.name) },
        delivery: { ...RETRY, deadLetterSink: { ref: serviceRef(deadLetterSink) } },
      },
    }));
}

/** Calls a function with the topic `cron-function` at its times, which are in UTC. */
export function pingSource(fn: StackFunction): Resource[] {
  if (fn.schedule === undefined) return [];
  return [
    {
      apiVersion: 'sources.knative.dev/v1',
      kind: 'PingSource',
      metadata: { name: fn.name },
      spec: {
        schedule: fn.schedule,
        timezone: 'UTC',
        contentType: 'application/json',
        data: JSON.stringify({ function: fn.name }),
        sink: { ref: serviceRef(fn.name) },
      },
    },
  ];
}

/** The delay is 1 s × 2^n. Durations are in ISO 8601. */
const RETRY = {
  retry: RETRIES,
  backoffPolicy: 'exponential',
  backoffDelay: 'PT1S',
  timeout: `PT${REVISION_TIMEOUT_SECONDS}S`,
};

function serviceRef(name: string) {
  return { apiVersion: 'serving.knative.dev/v1', kind: 'Service', name };
}

/** A DNS label of at most 63 characters: the function, and the event type without its common beginning. */
function triggerName(name: string, topic: string): string {
  const type = topic.replace(/^(?:com\.amazonaws\.s3|sluice)\./, '');
  return `${name}-${type.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-')}`;
}
