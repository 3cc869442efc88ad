import { type Env, ENV_SCHEMA } from '#shared/config/env.ts';
import type { StackFunction } from '#shared/config/stack.ts';
import { SluiceError } from '#shared/errors/sluice-error.ts';

/** The only namespace. OpenFaaS gives it this name. */
export const NAMESPACE = 'openfaas-fn';

/** Whether a request is for another namespace. Without one, it is for the only one. */
export function isOtherNamespace(namespace: string | undefined): boolean {
  return namespace !== undefined && namespace !== '' && namespace !== NAMESPACE;
}

/** Throws REQUEST_INVALID for another namespace, as OpenFaaS does. */
export function requireNamespace(namespace: string | undefined): void {
  if (isOtherNamespace(namespace))
    throw new SluiceError('REQUEST_INVALID', `The namespace must be ${NAMESPACE}, not ${JSON.stringify(namespace)}.`);
}

/** A function as OpenFaaS's gateway describes it. */
export interface FunctionStatus {
  name: string;
  image: string;
  namespace: string;
  envProcess: string;
  envVars: Record<string, string>;
  constraints: string[];
  secrets: string[];
  labels: Record<string, string>;
  annotations: Record<string, string>;
  limits?: { memory?: string | undefined; cpu?: string | undefined };
  requests?: { memory?: string | undefined; cpu?: string | undefined };
  readOnlyRootFilesystem: boolean;
  /** Calls since the start of the gateway. */
  invocationCount: number;
  replicas: number;
  availableReplicas: number;
  /** When the gateway started (RFC 3339). */
  createdAt: string;
}

/** What the gateway adds about a function to stack.yml. */
export interface FunctionFacts {
  envVars: Record<string, string>;
  secrets: string[];
  invocationCount: number;
  replicas: number;
  availableReplicas: number;
  createdAt: string;
}

export function functionStatus(fn: StackFunction, facts: FunctionFacts): FunctionStatus {
  return {
    name: fn.name,
    image: fn.image,
    namespace: NAMESPACE,
    envProcess: fn.fprocess,
    constraints: fn.constraints,
    labels: fn.labels,
    annotations: fn.annotations,
    ...(Object.keys(fn.limits).length === 0 ? {} : { limits: fn.limits }),
    ...(Object.keys(fn.requests).length === 0 ? {} : { requests: fn.requests }),
    readOnlyRootFilesystem: fn.readonly_root_filesystem,
    ...facts,
  };
}

/** The settings of a function on this machine, without secrets: stack.yml names only their files. */
export function settingsOf(fn: StackFunction, env: Env): Record<string, string> {
  const names = Object.keys(fn.environment).filter((name): name is keyof Env => name in ENV_SCHEMA.shape);
  return Object.fromEntries(
    names.flatMap((name) => (env[name] === undefined ? [] : [[name, withoutPassword(String(env[name]))]])),
  );
}

/** The environment that stack.yml declares, for a function in a container. */
export function declaredSettings(fn: StackFunction): Record<string, string> {
  return shownSettings(fn.environment);
}

/** Settings without the passwords in URLs. */
export function shownSettings(settings: Record<string, string> = {}): Record<string, string> {
  return Object.fromEntries(Object.entries(settings).map(([name, value]) => [name, withoutPassword(value)]));
}

/** A URL without its user and password. Other texts are unchanged. */
function withoutPassword(text: string): string {
  if (!URL.canParse(text)) return text;
  const url = new URL(text);
  if (url.username === '' && url.password === '') return text;
  url.username = '';
  url.password = '';
  return url.href;
}
