import { mkdirSync, openSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import pino from 'pino';
import type { Env } from '#shared/config/env.ts';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { LogDestination } from './log-destination.ts';

export type Logger = pino.Logger;

/** A logger that writes nothing, for callers such as tests. */
export const SILENT_LOG: Logger = pino({ level: 'silent' });

const STDERR = 2;

/**
 * The logger of a process: JSON lines on standard error or in LOG_FILE. Each call passes an object first, then a name
 * of the form `Noun:Verb:Outcome`. While the lines cannot be written, for example because the disk is full, they are
 * dropped; standard error then gets one message. Throws CONFIG_INVALID if LOG_FILE cannot be opened.
 */
export function createLogger(env: Pick<Env, 'LOG_LEVEL' | 'LOG_FILE'>): Logger {
  ignoreOutputErrors();
  const destination = new LogDestination({
    // Never standard output: npm start prints progress there, and `sluice --json` prints its document.
    fd: env.LOG_FILE === undefined ? STDERR : openLogFile(env.LOG_FILE),
    name: env.LOG_FILE === undefined ? 'standard error' : `the log file ${env.LOG_FILE}`,
    onFailure: (message) => process.stderr.write(`${message}\n`),
    onRecovery: (dropped) => logger.warn({ dropped }, 'Log:Write:Resumed'),
  });
  const logger = pino(
    {
      level: env.LOG_LEVEL,
      base: undefined,
      timestamp: pino.stdTimeFunctions.isoTime,
      redact: ['*.password', '*.secret', '*.authorization'],
    },
    destination,
  );
  return logger;
}

function openLogFile(file: string): number {
  try {
    mkdirSync(dirname(resolve(file)), { recursive: true });
    return openSync(file, 'a');
  } catch (cause) {
    throw new SluiceError(
      'CONFIG_INVALID',
      `LOG_FILE ${file} cannot be opened: ${(cause as Error).message}. Set LOG_FILE to another path.`,
      { cause, details: { file } },
    );
  }
}

/**
 * Keeps this process running when the reader of its output has ended, or when its output goes to a full disk: a stream
 * that emits an error without a listener ends the process.
 */
function ignoreOutputErrors(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.off('error', ignoreError);
    stream.on('error', ignoreError);
  }
}

function ignoreError(): void {}
