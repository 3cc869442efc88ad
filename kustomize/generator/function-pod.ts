import type { StackFunction } from '#shared/config/stack.ts';

/**
 * What a pod of a function has on every kind of cluster: container, labels, settings, and the paths of the probes. The
 * timing of the probes depends on the cluster: plain.ts and knative.ts.
 */

/** Port of the functions. Also the default of Knative and OpenFaaS. */
export const FUNCTION_PORT = 8080;
/** Where the functions read secrets from. OpenFaaS mounts them there, and stack.yml names the files. */
const SECRETS_FOLDER = '/var/openfaas/secrets';
const SETTINGS = 'sluice-settings';
/** The user of the images. */
const USER_ID = 1000;

export const PROBES = { live: '/_/health', ready: '/_/ready' } as const;

/** The variable of functions that post additional events, beside their reply. */
const PUBLISH_VARIABLE = { gateway: 'SLUICE_URL', broker: 'K_SINK' } as const;

/**
 * The labels of a pod. base/network-policies.yaml allows connections from a pod with `sluice.needs/X` to the server X.
 */
export function podLabels(fn: StackFunction, publishTo: keyof typeof PUBLISH_VARIABLE): Record<string, string> {
  const servers: string[] = fn.needs.filter((port) => port !== 'gdal');
  if (PUBLISH_VARIABLE[publishTo] in fn.environment) servers.push(publishTo);
  return {
    'app.kubernetes.io/name': fn.name,
    'app.kubernetes.io/component': 'function',
    ...Object.fromEntries(servers.map((name) => [`sluice.needs/${name}`, 'true'])),
  };
}

/**
 * The number of cores that a container may use: its limit, as a whole number. Without it, Node.js counts the cores of
 * the machine.
 */
export function coresOf({ limits }: StackFunction): number {
  const cpu = limits.cpu ?? '1';
  return Math.max(1, Math.ceil(cpu.endsWith('m') ? Number(cpu.slice(0, -1)) / 1000 : Number(cpu)));
}

/** The container without ports and probes, which depend on the kind of cluster. */
export function functionContainer(fn: StackFunction) {
  return {
    name: 'function',
    image: fn.image,
    imagePullPolicy: 'IfNotPresent',
    env: [{ name: 'CORES', value: String(coresOf(fn)) }, ...environmentOf(fn)],
    resources: { requests: fn.requests, limits: fn.limits },
    securityContext: {
      runAsNonRoot: true,
      runAsUser: USER_ID,
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
      seccompProfile: { type: 'RuntimeDefault' },
    },
    volumeMounts: [
      { name: 'tmp', mountPath: '/tmp' },
      { name: 'secrets', mountPath: SECRETS_FOLDER, readOnly: true },
    ],
  };
}

/** `/tmp`, which holds the files of the running steps, and the secrets that stack.yml lists. */
export function functionVolumes(fn: StackFunction) {
  return [
    { name: 'tmp', emptyDir: {} },
    { name: 'secrets', projected: { sources: fn.secrets.map((name) => ({ secret: { name } })) } },
  ];
}

/** Exactly the variables that stack.yml lists. A variable that is not in the settings has its default. */
function environmentOf({ environment }: StackFunction) {
  return Object.entries(environment).map(([name, value]) =>
    name.endsWith('_FILE')
      ? { name, value }
      : { name, valueFrom: { configMapKeyRef: { name: SETTINGS, key: name, optional: true } } },
  );
}
