import pino from 'pino';
import { env } from '#shared/config/env.ts';

export type Logger = pino.Logger;

/** The one logger. JSON lines; object first, then a name of the form `Noun:Verb:Outcome`. */
export const log: Logger = pino(
  {
    level: env.LOG_LEVEL,
    base: undefined,
    timestamp: pino.stdTimeFunctions.isoTime,
    redact: ['*.password', '*.secret', '*.authorization'],
  },
  // Never standard output: that belongs to the person (npm start) or to --json (the command line).
  pino.destination({ dest: env.LOG_FILE ?? 2, sync: false, mkdir: true }),
);
