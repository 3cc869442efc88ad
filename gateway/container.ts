import { resolve } from 'node:path';
import { parseEnv } from '#shared/config/env.ts';
import { adviceFor } from '#shared/errors/codes.ts';
import { asSluiceError } from '#shared/errors/sluice-error.ts';
import { createLogger, type Logger } from '#shared/log/log.ts';
import { checkSettings } from './check-settings.ts';
import { prepareHome } from './embedded/home-folder.ts';
import { startSluice } from './start-sluice.ts';

/**
 * The gateway in a container: logs to standard error, and stops after SIGTERM or SIGINT. Unlike `npm start`
 * (npm-start.ts), it prints nothing, reads no .env and ingests no sample. FUNCTION_URL names the containers of the
 * functions.
 *
 * With K_SINK, it publishes events to that Knative broker, which calls the functions.
 * FUNCTION_URL is then used only for synchronous calls and for the health of the functions.
 */

let log: Logger = createLogger({ LOG_LEVEL: 'info', LOG_FILE: undefined });
try {
  const env = parseEnv(process.env);
  log = createLogger(env);
  checkSettings(env);
  prepareHome(resolve(env.SLUICE_HOME));
  const stop = Promise.withResolvers<void>();
  for (const name of ['SIGTERM', 'SIGINT']) process.once(name, () => stop.resolve());
  const sluice = await startSluice(env, { log, broker: env.K_SINK !== undefined });
  await Promise.race([stop.promise, sluice.broken]).finally(() => sluice.stop());
  process.exit(0); // Open connections would keep the process running.
} catch (thrown) {
  const error = asSluiceError(thrown);
  log.fatal({ error: error.toDocument(), advice: adviceFor(error.code) }, 'Sluice:Run:Failed');
  process.exit(1); // Open connections would keep the process running.
}
