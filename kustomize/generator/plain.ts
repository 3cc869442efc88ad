import type { StackFunction } from '#shared/config/stack.ts';
import { plainReplicas } from './replicas.ts';
import { FUNCTION_PORT, functionContainer, functionVolumes, podLabels, PROBES } from './function-pod.ts';
import type { Resource } from './resource.ts';

/** A Deployment and a Service for a function. */
export function plainFunction(fn: StackFunction): Resource[] {
  const matchLabels = { 'app.kubernetes.io/name': fn.name };
  const probe = (path: string) => ({ httpGet: { path, port: 'http' } });
  const deployment: Resource = {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: fn.name },
    spec: {
      replicas: plainReplicas(fn),
      selector: { matchLabels },
      strategy: { rollingUpdate: { maxUnavailable: 0 } },
      template: {
        metadata: { labels: podLabels(fn, 'gateway') },
        spec: {
          automountServiceAccountToken: false,
          enableServiceLinks: false,
          // Running calls have 20 s to finish.
          terminationGracePeriodSeconds: 30,
          containers: [
            {
              ...functionContainer(fn),
              ports: [{ name: 'http', containerPort: FUNCTION_PORT }],
              startupProbe: { ...probe(PROBES.live), periodSeconds: 2, failureThreshold: 150, timeoutSeconds: 5 },
              readinessProbe: { ...probe(PROBES.ready), timeoutSeconds: 5 },
              livenessProbe: { ...probe(PROBES.live), timeoutSeconds: 5, failureThreshold: 6 },
            },
          ],
          volumes: functionVolumes(fn),
        },
      },
    },
  };
  const service: Resource = {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: fn.name },
    spec: { selector: matchLabels, ports: [{ name: 'http', port: FUNCTION_PORT, targetPort: 'http' }] },
  };
  return [deployment, service, ...(plainReplicas(fn) > 1 ? [disruptionBudget(fn.name, matchLabels)] : [])];
}

function disruptionBudget(name: string, matchLabels: Record<string, string>): Resource {
  return {
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    metadata: { name },
    spec: { minAvailable: 1, selector: { matchLabels } },
  };
}
