import { resolve } from 'node:path';
import { type Env, parseEnv } from '#shared/config/env.ts';
import { asSluiceError, SluiceError } from '#shared/errors/sluice-error.ts';
import { createLogger, type Logger } from '#shared/log/log.ts';
import { prepareHome } from './embedded/home-folder.ts';
import { startSluice } from './start.ts';

/**
 * The gateway in a container: logs to standard error, and stops after SIGTERM or SIGINT. Unlike `npm start` (main.ts),
 * it prints nothing, reads no .env and ingests no sample. FUNCTION_URL names the containers of the functions.
 */

/** The image contains no embedded servers and no functions. */
const REQUIRED = ['FUNCTION_URL', 'S3_ENDPOINT', 'CONTROL_DATABASE_URL', 'POSTGIS_URL'] as const;

let log: Logger = createLogger({ LOG_LEVEL: 'info', LOG_FILE: undefined });
try {
  const env = parseEnv(process.env);
  log = createLogger(env);
  requireVariables(env);
  prepareHome(resolve(env.SLUICE_HOME));
  const stop = Promise.withResolvers<void>();
  for (const name of ['SIGTERM', 'SIGINT']) process.once(name, () => stop.resolve());
  const sluice = await startSluice(env, { log });
  await Promise.race([stop.promise, sluice.broken]).finally(() => sluice.stop());
  process.exit(0); // Open connections would keep the process running.
} catch (thrown) {
  log.fatal({ error: asSluiceError(thrown).toDocument() }, 'Sluice:Run:Failed');
  process.exit(1); // Open connections would keep the process running.
}

function requireVariables(env: Env): void {
  const missing = REQUIRED.filter((name) => env[name] === undefined);
  if (missing.length === 0) return;
  const names = missing.join(', ');
  throw new SluiceError('CONFIG_INVALID', `The gateway cannot start without ${names}. Set each of them.`, {
    details: { variables: missing },
  });
}
