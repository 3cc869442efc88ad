import { z } from 'zod';
import type { VersionsDocument } from '#shared/api/health.ts';
import { SLUICE_VERSION, isCompatible } from '#shared/config/version.ts';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { checkGdal, gdalDown, type GdalHealth, GdalHealthSchema } from '#shared/gdal/health.ts';
import type { Logger } from '#shared/log/log.ts';
import { functionUrls } from '#shared/runtime/http-function-caller.ts';
import { GDAL_HEALTH_PATH, VERSION_PATH } from '#shared/runtime/function-server.ts';
import { reasonOf } from '#shared/text/error-reason.ts';
import type { GatewayDeps } from './deps.ts';

/** What the functions report about themselves: their version, and the health of their GDAL. */

const VersionSchema = z.object({ version: z.string() });

/**
 * The versions of the gateway and of the functions at FUNCTION_URL. A function that does not respond, or that is older
 * than 0.1.0, has the version null.
 */
export async function gatherVersions({ env, stack }: Pick<GatewayDeps, 'env' | 'stack'>): Promise<VersionsDocument> {
  const urlOf = env.FUNCTION_URL === undefined ? undefined : functionUrls(env.FUNCTION_URL);
  const names = urlOf === undefined ? [] : stack.functions.map(({ name }) => name);
  const versions = await Promise.all(names.map((name) => versionOf(name, urlOf?.(name) ?? '')));
  const functions = Object.fromEntries(names.map((name, index) => [name, versions[index] ?? null]));
  const error = versionProblem(functions);
  return { gateway: SLUICE_VERSION, functions, ...(error === undefined ? {} : { error }) };
}

async function versionOf(name: string, url: string): Promise<string | null> {
  const request = { url, path: VERSION_PATH, what: `the version of ${name}` };
  return readFromFunction(request, VersionSchema).then(
    ({ version }) => version,
    () => null,
  );
}

/** One sentence about the functions that do not work with the gateway, and what to do. */
export function versionProblem(
  functions: Record<string, string | null>,
  gateway: string = SLUICE_VERSION,
): string | undefined {
  const apart = Object.entries(functions).filter(([, version]) => version !== null && !isCompatible(gateway, version));
  if (apart.length === 0) return undefined;
  const list = apart.map(([name, version]) => `${name} ${version}`).join(', ');
  return (
    `The gateway has version ${gateway}, and these functions are more than one minor version apart: ${list}. ` +
    'Deploy the gateway and all functions with the same version.'
  );
}

/** Logs functions that do not work with this gateway. */
export async function checkVersions(deps: Pick<GatewayDeps, 'env' | 'stack'> & { log: Logger }): Promise<void> {
  const { functions, error } = await gatherVersions(deps);
  if (error !== undefined) deps.log.error({ functions, reason: error }, 'Version:Check:Incompatible');
}

/**
 * The health of GDAL for each function of stack.yml that uses it: of its container, or of this machine. Undefined with
 * a broker and without FUNCTION_URL: the gateway cannot call the functions, and its container has no GDAL.
 */
export async function gatherGdalHealth({
  env,
  stack,
  log,
  broker,
}: Pick<GatewayDeps, 'env' | 'stack' | 'log' | 'broker'>): Promise<Record<string, GdalHealth> | undefined> {
  if (broker !== undefined && env.FUNCTION_URL === undefined) return undefined;
  const names = stack.functions.filter(({ needs }) => needs.includes('gdal')).map(({ name }) => name);
  const urlOf = env.FUNCTION_URL === undefined ? undefined : functionUrls(env.FUNCTION_URL);
  const healths = await Promise.all(
    names.map((name) => (urlOf === undefined ? checkGdal(log) : gdalHealthOf(name, urlOf(name)))),
  );
  return Object.fromEntries(names.map((name, index) => [name, healths[index] ?? gdalDown(undefined)]));
}

async function gdalHealthOf(name: string, url: string): Promise<GdalHealth> {
  const request = { url, path: GDAL_HEALTH_PATH, what: `the health of GDAL of ${name}` };
  return readFromFunction(request, GdalHealthSchema).catch((thrown: unknown) => gdalDown(thrown));
}

/** A function that was scaled to zero starts within this time. */
const TIMEOUT_MS = 10_000;

/** What a function reports about itself at a path. Throws FUNCTION_UNAVAILABLE; `what` names it in the message. */
async function readFromFunction<T>(
  { url, path, what }: { url: string; path: string; what: string },
  schema: z.ZodType<T>,
): Promise<T> {
  const address = `${url.replace(/\/$/, '')}${path}`;
  try {
    const response = await fetch(address, { signal: AbortSignal.timeout(TIMEOUT_MS) });
    return schema.parse(await response.json());
  } catch (cause) {
    const reason = reasonOf((cause as Error).cause ?? cause); // fetch hides its cause.
    throw new SluiceError('FUNCTION_UNAVAILABLE', `Could not read ${what} at ${address}: ${reason}.`, { cause });
  }
}
