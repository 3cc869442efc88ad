import { SluiceError } from '#shared/errors/sluice-error.ts';
import { checkGdal, gdalDown, type GdalHealth, GdalHealthSchema } from '#shared/gdal/health.ts';
import { functionUrls } from '#shared/runtime/http-client-host.ts';
import { GDAL_HEALTH_PATH } from '#shared/runtime/http-host.ts';
import { reasonOf } from '#shared/text/describe-issue.ts';
import type { GatewayDeps } from './deps.ts';

/** A function that was scaled to zero starts within this time. */
const TIMEOUT_MS = 10_000;

/** The health of GDAL for each function of stack.yml that uses it: of its container, or of this machine. */
export async function gatherGdalHealth({
  env,
  stack,
  log,
}: Pick<GatewayDeps, 'env' | 'stack' | 'log'>): Promise<Record<string, GdalHealth>> {
  const names = stack.functions.filter(({ needs }) => needs.includes('gdal')).map(({ name }) => name);
  const urlOf = env.FUNCTION_URL === undefined ? undefined : functionUrls(env.FUNCTION_URL);
  const healths = await Promise.all(
    names.map((name) => (urlOf === undefined ? checkGdal(log) : askFunction(name, urlOf(name)))),
  );
  return Object.fromEntries(names.map((name, index) => [name, healths[index] ?? gdalDown(undefined)]));
}

async function askFunction(name: string, url: string): Promise<GdalHealth> {
  const address = `${url.replace(/\/$/, '')}${GDAL_HEALTH_PATH}`;
  try {
    const response = await fetch(address, { signal: AbortSignal.timeout(TIMEOUT_MS) });
    return GdalHealthSchema.parse(await response.json());
  } catch (cause) {
    const reason = reasonOf((cause as Error).cause ?? cause); // fetch hides its cause.
    const message = `Could not read the health of GDAL of ${name} at ${address}: ${reason}.`;
    return gdalDown(new SluiceError('FUNCTION_UNAVAILABLE', message, { cause }));
  }
}
