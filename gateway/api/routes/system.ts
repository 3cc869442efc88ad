import { arch } from 'node:os';
import { type Context, Hono } from 'hono';
import { z } from 'zod';
import { readStack, STACK_FILE, type StackFunction } from '#shared/config/stack.ts';
import { SLUICE_VERSION } from '#shared/config/version.ts';
import { asSluiceError, SluiceError } from '#shared/errors/sluice-error.ts';
import type { GatewayDeps } from '../deps.ts';
import { gatherVersions } from '../function-reports.ts';
import { statusOf } from '../http/error-response.ts';
import { operatorOf, parseQuery, readJson } from '../http/request-fields.ts';
import { recordAct } from '../http/record-act.ts';
import { type Deployments, notDeployed } from '../../openfaas/deployments.ts';
import { functionLogs } from './system-logs.ts';
import {
  declaredSettings,
  type FunctionStatus,
  functionStatus,
  isOtherNamespace,
  NAMESPACE,
  settingsOf,
} from '../../openfaas/function-status.ts';

/**
 * The REST API of OpenFaaS's gateway, as faas-cli uses it. Errors are plain text, which faas-cli prints.
 *
 * GET /system/info returns the versions; GET /system/namespaces the only namespace, `openfaas-fn`.
 * GET /system/functions returns FunctionStatus[]; GET /system/function/NAME one of them.
 * PUT and POST /system/functions enable a function of stack.yml; DELETE disables it.
 * POST /system/scale-function/NAME sets how many of its calls run at the same time. Its events wait while it is 0.
 * GET /system/logs returns the log of a function, see functionLogs.
 * GET /system/secrets returns the names of the secrets in stack.yml.
 *
 * A gateway whose functions run in containers only reads: their platform deploys and scales them.
 */
export function systemRoutes(deps: GatewayDeps): Hono {
  const status = new StatusReader(deps);
  const app = new Hono();
  app.onError((thrown, c) => {
    const error = asSluiceError(thrown);
    if (error.retryable) deps.log.error({ error: error.toDocument(), path: c.req.path }, 'Request:Handle:Failed');
    return c.text(error.message, statusOf(error) as 400);
  });
  app.get('/system/info', (c) => c.json(systemInfo(deps)));
  app.get('/system/namespaces', (c) => c.json([NAMESPACE]));
  app.get('/system/functions', async (c) => {
    const { namespace } = parseQuery(NamespaceQuery, c);
    return c.json(isOtherNamespace(namespace) ? [] : await status.list((deps.deployments ?? deps.stack).functions));
  });
  app.get('/system/function/:name', async (c) => {
    const { namespace } = parseQuery(FunctionQuery, c);
    const name = c.req.param('name');
    const fn = isOtherNamespace(namespace) ? undefined : (deps.deployments ?? deps.stack).find(name);
    if (fn === undefined) throw notDeployed(name);
    return c.json((await status.list([fn]))[0]);
  });
  app.get('/system/logs', functionLogs(deps));
  app.get('/system/secrets', (c) => {
    const { namespace } = parseQuery(NamespaceQuery, c);
    return c.json(isOtherNamespace(namespace) ? [] : secretsOf(deps.stack.functions));
  });
  for (const method of ['POST', 'PUT', 'DELETE'] as const)
    app.on(method, '/system/secrets', () => {
      throw new SluiceError(
        'REQUEST_INVALID',
        'The gateway stores no secrets. Write them to files, as docs/compose.md describes.',
      );
    });
  app.route('/', changeRoutes(deps));
  return app;
}

const VERBS = { function_deployed: 'deployed', function_removed: 'removed', function_scaled: 'scaled' } as const;

/** The routes that change which functions run. */
function changeRoutes(deps: GatewayDeps): Hono {
  const record = (c: Context, activity: keyof typeof VERBS, name: string, details: { replicas?: number } = {}) => {
    const to = details.replicas === undefined ? '' : ` to ${details.replicas} replicas`;
    const did = `${VERBS[activity]} the function ${name}${to}`;
    return recordAct(c, deps.ledger, { activity, did, details: { function: name, ...details } });
  };
  const deploy = async (c: Context, isUpdate: boolean) => {
    const deployments = changeable(deps);
    const fn = await checkDeployment(await readJson(c.req.raw, DeploySchema), deps);
    if (isUpdate && deployments.find(fn.name) === undefined) throw notDeployed(fn.name);
    await record(c, 'function_deployed', fn.name);
    deployments.deploy(fn.name);
    deps.log.info({ operator: operatorOf(c), function: fn.name }, 'Function:Deploy:Done');
    return c.body(null, 202);
  };
  return new Hono()
    .post('/system/functions', (c) => deploy(c, false))
    .put('/system/functions', (c) => deploy(c, true))
    .delete('/system/functions', async (c) => {
      const deployments = changeable(deps);
      const { functionName, namespace } = await readJson(c.req.raw, DeleteSchema);
      if (isOtherNamespace(namespace)) throw notDeployed(functionName);
      if (deployments.find(functionName) === undefined) throw notDeployed(functionName);
      await record(c, 'function_removed', functionName);
      deployments.remove(functionName);
      deps.log.info({ operator: operatorOf(c), function: functionName }, 'Function:Remove:Done');
      return c.body(null, 202);
    })
    .post('/system/scale-function/:name', async (c) => {
      const deployments = changeable(deps);
      const name = c.req.param('name');
      const { replicas, namespace } = await readJson(c.req.raw, ScaleSchema);
      if (isOtherNamespace(namespace)) throw notDeployed(name);
      deployments.checkScale(name, replicas);
      await record(c, 'function_scaled', name, { replicas });
      deployments.scale(name, replicas);
      deps.log.info({ operator: operatorOf(c), function: name, replicas }, 'Function:Scale:Done');
      return c.body(null, 202);
    });
}

const Texts = z.record(z.string(), z.string()).nullish();
const NamespaceQuery = z.object({ namespace: z.string().optional() });
const FunctionQuery = NamespaceQuery.extend({ usage: z.string().optional() });
const DeploySchema = z.looseObject({
  service: z.string(),
  image: z.string().default(''),
  namespace: z.string().optional(),
  envVars: Texts,
  labels: Texts,
  annotations: Texts,
  secrets: z.array(z.string()).nullish(),
  limits: Texts,
  requests: Texts,
});
const DeleteSchema = z.looseObject({ functionName: z.string(), namespace: z.string().optional() });
const ScaleSchema = z.looseObject({ replicas: z.number().int().min(0), namespace: z.string().optional() });

/** Reads the status of the functions. */
class StatusReader {
  readonly #deps: GatewayDeps;
  readonly #createdAt = new Date().toISOString();

  constructor(deps: GatewayDeps) {
    this.#deps = deps;
  }

  /** A function in a container is available if it responds. Without FUNCTION_URL, that is not known. */
  async list(functions: StackFunction[]): Promise<FunctionStatus[]> {
    const { deployments, env, caller } = this.#deps;
    const isRemote = deployments === undefined && env.FUNCTION_URL !== undefined;
    const [calls, versions] = await Promise.all([
      caller.completedCalls(),
      isRemote ? gatherVersions({ env, stack: { functions, find: this.#deps.stack.find } }) : undefined,
    ]);
    return functions.map((fn) => {
      const replicas = deployments?.replicas(fn.name) ?? 1;
      return functionStatus(fn, {
        envVars: deployments === undefined ? declaredSettings(fn) : settingsOf(fn, env),
        invocationCount: calls(fn.name),
        replicas,
        availableReplicas: versions === undefined || versions.functions[fn.name] ? replicas : 0,
        createdAt: this.#createdAt,
      });
    });
  }
}

/** `faas-cli version` prints both versions. */
function systemInfo({ deployments, broker }: GatewayDeps) {
  const version = { sha: '', release: SLUICE_VERSION };
  const orchestration = deployments !== undefined ? 'embedded' : broker === undefined ? 'containers' : 'knative';
  return {
    provider: { provider: 'sluice', version, orchestration },
    version: { commit_message: '', ...version },
    arch: arch(),
  };
}

function secretsOf(functions: readonly StackFunction[]): { name: string; namespace: string }[] {
  const names = new Set(functions.flatMap(({ secrets }) => secrets));
  return [...names].sort().map((name) => ({ name, namespace: NAMESPACE }));
}

/**
 * The function of a deployment, which must be as stack.yml describes it. Throws FUNCTION_NOT_FOUND, and REQUEST_INVALID
 * for what this gateway cannot change.
 */
async function checkDeployment(
  { service, image, namespace, ...request }: z.infer<typeof DeploySchema>,
  { stack, env }: GatewayDeps,
): Promise<StackFunction> {
  const fn = stack.find(service);
  if (fn === undefined || isOtherNamespace(namespace)) {
    const known = stack.functions.map(({ name }) => name).join(', ');
    throw new SluiceError(
      'FUNCTION_NOT_FOUND',
      `Function ${JSON.stringify(service)} is not part of stack.yml. This gateway runs only ${known}.`,
      { details: { function: service } },
    );
  }
  const details = { function: service };
  if (imageName(image) !== imageName(fn.image))
    throw new SluiceError(
      'REQUEST_INVALID',
      `This gateway runs the functions of its own installation, not images. ${service} has the image ${fn.image}, ` +
        `not ${JSON.stringify(image)}.`,
      { details },
    );
  // faas-cli expands the variables of stack.yml in its own environment, which lacks those of the gateway's .env.
  const defaults = (await readStack(STACK_FILE, {})).find(service)?.environment ?? {};
  const settings = [settingsOf(fn, env), fn.environment, defaults];
  const changed =
    firstOther(request.envVars, ...settings, {}) ??
    firstOther(request.labels, fn.labels) ??
    firstOther(request.annotations, fn.annotations) ??
    firstOther(request.limits, fn.limits) ??
    firstOther(request.requests, fn.requests) ??
    request.secrets?.find((secret) => !fn.secrets.includes(secret));
  if (changed !== undefined)
    throw new SluiceError(
      'REQUEST_INVALID',
      `This gateway cannot change ${changed} of ${service}. Set it in stack.yml or .env, and start Sluice again.`,
      { details: { ...details, field: changed } },
    );
  return fn;
}

/** The first field whose value is in none of the records. A missing field is an empty value. */
function firstOther(
  fields: Record<string, string> | null | undefined,
  ...records: Partial<Record<string, string>>[]
): string | undefined {
  return Object.keys(fields ?? {}).find((name) => !records.some((record) => (record[name] ?? '') === fields?.[name]));
}

/** The name of an image without its registry and version. */
function imageName(image: string): string {
  return image.split('/').at(-1)?.split(/[:@]/)[0] ?? '';
}

/** Throws CONFIG_INVALID when the functions run elsewhere. */
function changeable({ deployments, broker }: GatewayDeps): Deployments {
  if (deployments !== undefined) return deployments;
  throw new SluiceError(
    'CONFIG_INVALID',
    'The functions of this gateway run in containers. ' +
      `Deploy and scale them with ${broker === undefined ? 'docker compose or kubectl' : 'kubectl'}.`,
  );
}
