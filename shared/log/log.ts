import pino from 'pino';
import type { Env } from '#shared/config/env.ts';

export type Logger = pino.Logger;

/** For callers that log nothing, such as tests. */
export const SILENT_LOG: Logger = pino({ level: 'silent' });

/**
 * The logger of a process: JSON lines on standard error or in LOG_FILE. Each call passes an object first, then a name
 * of the form `Noun:Verb:Outcome`.
 */
export function createLogger(env: Pick<Env, 'LOG_LEVEL' | 'LOG_FILE'>): Logger {
  return pino(
    {
      level: env.LOG_LEVEL,
      base: undefined,
      timestamp: pino.stdTimeFunctions.isoTime,
      redact: ['*.password', '*.secret', '*.authorization'],
    },
    // Never standard output: npm start prints progress there, and `sluice --json` prints its document.
    pino.destination({ dest: env.LOG_FILE ?? 2, sync: false, mkdir: true }),
  );
}
