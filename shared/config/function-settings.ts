import { SluiceError } from '#shared/errors/sluice-error.ts';
import { type Env, ENV_SCHEMA } from './env.ts';
import { readSecretFiles } from './secrets.ts';
import type { StackFunction } from './stack.ts';

/** Where OpenFaaS mounts the secrets of a function. */
export const SECRETS_FOLDER = '/var/openfaas/secrets/';

/**
 * Variables that one function of `npm start` can have with a value of its own. All functions share the others:
 * addresses and credentials of the servers, names that all steps of a run use, and limits of a pool of connections.
 */
const OWN_SETTINGS = [
  'LOG_LEVEL',
  'STEP_TIMEOUT_SECONDS',
  'MAX_FILE_BYTES',
  'GDAL_MEMORY_BYTES',
  'GDAL_STALLED_CPU_SECONDS',
  'MANIFEST_ROUTER_ENABLED_LANES',
  'OPENLINEAGE_URL',
  'OPENLINEAGE_NAMESPACE',
  'RUN_STUCK_MINUTES',
] as const satisfies (keyof Env)[];
/** A setting of a function that declares OPENLINEAGE_URL. */
const API_KEY_FILE = 'OPENLINEAGE_API_KEY_FILE';

/** The names of the settings that a function can have of its own: those that stack.yml declares for it. */
export function ownSettingsOf({ environment }: Pick<StackFunction, 'environment'>): string[] {
  const declared = OWN_SETTINGS.filter((name) => name in environment);
  return 'OPENLINEAGE_URL' in environment ? [...declared, API_KEY_FILE] : declared;
}

/**
 * The environment of a function with settings of its own. A variable `NAME_FILE` is the path of a file with the value.
 * An empty setting has no effect. Throws CONFIG_INVALID that names the setting, without its value.
 */
export function withSettings(env: Env, settings: Readonly<Record<string, string>>): Env {
  const result: Record<string, unknown> = { ...env };
  for (const [name, text] of Object.entries(readSecretFiles(settings))) {
    if (name.endsWith('_FILE') || text === undefined || text.trim() === '') continue;
    const rule = ENV_SCHEMA.shape[name as keyof Env].safeParse(text);
    if (!rule.success) throw invalid(name, rule.error.issues[0]?.message);
    result[name] = rule.data;
  }
  if (Number(result.STEP_TIMEOUT_SECONDS) > env.STEP_TIMEOUT_SECONDS)
    throw invalid('STEP_TIMEOUT_SECONDS', `must be at most that of the gateway, ${env.STEP_TIMEOUT_SECONDS}`);
  if (result.OPENLINEAGE_API_KEY !== undefined && result.OPENLINEAGE_URL === undefined)
    throw invalid(API_KEY_FILE, 'requires OPENLINEAGE_URL');
  return result as Env;
}

function invalid(name: string, problem = 'is not valid'): SluiceError {
  return new SluiceError('CONFIG_INVALID', `${name} ${problem}.`, { details: { variable: name } });
}
