import { arch } from 'node:os';
import { type Context, type Handler, Hono } from 'hono';
import { z } from 'zod';
import type { StackFunction } from '#shared/config/stack.ts';
import { SLUICE_VERSION } from '#shared/config/version.ts';
import { asSluiceError, SluiceError } from '#shared/errors/sluice-error.ts';
import type { GatewayDeps } from '../deps.ts';
import { gatherVersions } from '../function-reports.ts';
import { statusOf } from '../http/error-response.ts';
import { operatorOf, parseQuery, readJson } from '../http/request-fields.ts';
import { recordActivity } from '../http/record-activity.ts';
import { checkDeployment, DeploySchema } from '../../openfaas/check-deployment.ts';
import { type Deployments, notDeployed, type OwnSettings } from '../../openfaas/deployments.ts';
import { secretRoutes } from './system-secrets.ts';
import {
  declaredSettings,
  type FunctionStatus,
  functionStatus,
  NAMESPACE,
  requireNamespace,
  settingsOf,
  shownSettings,
} from '../../openfaas/function-status.ts';

/**
 * The REST API of OpenFaaS's gateway, as faas-cli uses it. Errors are plain text, which faas-cli prints.
 *
 * GET /system/info returns the versions; GET /system/namespaces the only namespace, `openfaas-fn`.
 * GET /system/functions returns FunctionStatus[]; GET /system/function/NAME one of them.
 * PUT and POST /system/functions enable a function of stack.yml, with settings of its own; DELETE disables it.
 * POST /system/scale-function/NAME sets how many of its calls run at the same time. Its events wait while it is 0.
 * GET /system/logs returns the log of a function, see logHandlers.
 * /system/secrets has the names of the secrets, see secretRoutes.
 *
 * A gateway whose functions run in containers only reads: their platform deploys and scales them.
 */
export function systemRoutes(deps: GatewayDeps, functionLog: Handler): Hono {
  const status = new StatusReader(deps);
  const app = new Hono();
  app.onError((thrown, c) => {
    const error = asSluiceError(thrown);
    if (error.retryable) deps.log.error({ error: error.toDocument(), path: c.req.path }, 'Request:Handle:Failed');
    return c.text(error.message, statusOf(error) as 400);
  });
  app.get('/system/info', (c) => c.json(systemInfo(deps)));
  app.get('/system/namespaces', (c) => c.json([NAMESPACE]));
  app.get('/system/namespace/:name', (c) => c.text(`This gateway has only the namespace ${NAMESPACE}.`, 501));
  app.get('/system/functions', async (c) => {
    requireNamespace(parseQuery(NamespaceQuery, c).namespace);
    return c.json(await status.list((deps.deployments ?? deps.stack).functions));
  });
  app.get('/system/function/:name', async (c) => {
    requireNamespace(parseQuery(FunctionQuery, c).namespace);
    const name = c.req.param('name');
    const fn = (deps.deployments ?? deps.stack).find(name);
    if (fn === undefined) throw notDeployed(name);
    return c.json((await status.list([fn]))[0]);
  });
  app.get('/system/logs', functionLog);
  app.route('/', secretRoutes(deps));
  app.route('/', changeRoutes(deps));
  return app;
}

const VERBS = { function_deployed: 'deployed', function_removed: 'removed', function_scaled: 'scaled' } as const;

/** The routes that change which functions run. */
function changeRoutes(deps: GatewayDeps): Hono {
  const record = (
    c: Context,
    activity: keyof typeof VERBS,
    name: string,
    details: { replicas?: number } & Partial<OwnSettings> = {},
  ) => {
    const { replicas, settings = {} } = details;
    const names = Object.keys(settings);
    const how =
      replicas === undefined
        ? names.length === 0
          ? ''
          : ` with ${names.join(', ')}`
        : ` to ${replicas} ${replicas === 1 ? 'replica' : 'replicas'}`;
    const did = `${VERBS[activity]} the function ${name}${how}`;
    return recordActivity(c, deps.ledger, { activity, did, details: { function: name, ...details } });
  };
  const deploy = async (c: Context, isUpdate: boolean) => {
    const deployments = changeable(deps);
    const request = await readJson(c.req.raw, DeploySchema);
    requireNamespace(request.namespace);
    const { fn, own } = await checkDeployment(request, deployments, { ...deps, isUpdate });
    await record(c, 'function_deployed', fn.name, { ...own, settings: shownSettings(own.settings) });
    deployments.deploy(fn.name, own);
    deps.log.info({ operator: operatorOf(c), function: fn.name }, 'Function:Deploy:Done');
    return c.body(null, 202);
  };
  return new Hono()
    .post('/system/functions', (c) => deploy(c, false))
    .put('/system/functions', (c) => deploy(c, true))
    .delete('/system/functions', async (c) => {
      const deployments = changeable(deps);
      const { functionName, namespace } = await readJson(c.req.raw, DeleteSchema);
      requireNamespace(namespace);
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
      requireNamespace(namespace);
      deployments.checkScale(name, replicas);
      await record(c, 'function_scaled', name, { replicas });
      deployments.scale(name, replicas);
      deps.log.info({ operator: operatorOf(c), function: name, replicas }, 'Function:Scale:Done');
      return c.body(null, 202);
    });
}

const NamespaceQuery = z.object({ namespace: z.string().optional() });
const FunctionQuery = NamespaceQuery.extend({ usage: z.string().optional() });
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
      const own = deployments?.ownSettings(fn.name);
      return functionStatus(fn, {
        envVars:
          deployments === undefined
            ? declaredSettings(fn)
            : { ...settingsOf(fn, env), ...shownSettings(own?.settings) },
        secrets: [...fn.secrets, ...(own?.secrets ?? [])],
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

/** Throws CONFIG_INVALID when the functions run elsewhere. */
function changeable({ deployments, broker }: GatewayDeps): Deployments {
  if (deployments !== undefined) return deployments;
  throw new SluiceError(
    'CONFIG_INVALID',
    'The functions of this gateway run in containers. ' +
      `Deploy and scale them with ${broker === undefined ? 'docker compose or kubectl' : 'kubectl'}.`,
  );
}
