import { constants } from 'node:os';
import { basename, dirname } from 'node:path';
import type { ErrorCodeName } from '#shared/errors/codes.ts';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import type { GdalCommand } from './gdal.ts';
import type { ExceededLimit, WatchLimits } from '#shared/processes/program-watch.ts';

/** Converts the exit and the messages of a GDAL program to a SluiceError. */

export interface GdalExit {
  exitCode?: number | undefined;
  signal?: string | undefined;
  stdout: string;
  stderr: string;
}

/**
 * The first match decides. Causes outside of the file come first, because GDAL adds errors about the file after them.
 * GDAL has no error codes for them, so the messages of libc, libpq and the loader are matched.
 */
const CAUSES: [RegExp, ErrorCodeName][] = [
  [/No space left on device|could not extend file|disk full|Disk quota exceeded/i, 'DISK_FULL'],
  [
    /server closed the connection|terminating connection|connection to server|could not connect to server|no connection to the server|SSL SYSCALL|the database system is|canceling statement due to|too many clients/i,
    'DATABASE_UNAVAILABLE',
  ],
  [
    // 2 is GDAL's number for missing memory. The GRIB driver reports values that it cannot decode as `ERROR 1: Out of
    // memory`.
    /^ERROR 2: |^FATAL: .*Out of memory|std::bad_alloc|Cannot allocate|failed to map segment|cannot create shared object/im,
    'FILE_TOO_LARGE',
  ],
];
/** Signals of other processes, and of the kernel without free memory. No GDAL program sends them to itself. */
const KILL_SIGNALS = new Set(['SIGKILL', 'SIGTERM', 'SIGINT', 'SIGQUIT', 'SIGHUP']);
/** Signals of the kernel at the limits that prlimit sets. */
const LIMIT_SIGNALS: Record<string, { code: ErrorCodeName; message: string }> = {
  SIGXCPU: { code: 'STEP_TIMEOUT', message: 'used all of its processor time' },
  SIGXFSZ: { code: 'FILE_TOO_LARGE', message: 'wrote more than MAX_FILE_BYTES' },
};
/** Like a shell, bwrap exits with 128 + N when the program was ended by signal N. */
const SIGNAL_EXIT_CODE = 128;
/** By exit code. Some signals have two names; the first one is the common one, so it is set last. */
const SIGNALS = Object.fromEntries(
  Object.entries(constants.signals)
    .reverse()
    .map(([name, number]) => [SIGNAL_EXIT_CODE + number, name]),
);
/** Exit code of a wrapper that found no program. */
const NOT_FOUND_EXIT_CODE = 127;
/** Messages in the details of an error: enough to see the cause, small enough for a ledger document. */
const MAX_MESSAGES = 5;
/** Different messages that are read. GDAL can report every feature. */
const MAX_READ_MESSAGES = 1_000;
/** Characters at the beginning and at the end of a message. GDAL quotes names and values of any length. */
const MESSAGE_END_CHARACTERS = 500;
/** Characters at the beginning and at the end of an output that are searched for messages. */
const SEARCHED_CHARACTERS = 2 ** 16;

/**
 * The error of a GDAL program that failed. The message and `details.messages` are GDAL's, without local paths. A signal
 * of another process does not depend on the file, so the error is retried. A crash is an error of the file.
 */
export function gdalError(command: GdalCommand, exit: GdalExit): SluiceError {
  const program = command.command;
  const signal = exit.signal ?? SIGNALS[exit.exitCode ?? 0];
  const limit = LIMIT_SIGNALS[signal ?? ''];
  if (limit !== undefined) return new SluiceError(limit.code, `${program} ${limit.message}.`, { details: { program } });
  const killed = killedError(program, exit);
  if (killed !== undefined) return killed;
  const wrapper = wrapperError(command, exit);
  if (wrapper !== undefined) return wrapper;
  const text = withoutLocalPaths(cleanText(`${bothEnds(exit.stderr)}\n${bothEnds(exit.stdout)}`), command.args);
  const messages = messagesOf(text);
  const code = CAUSES.find(([pattern]) => pattern.test(text))?.[1] ?? 'FILE_UNREADABLE';
  const end = signal ? `ended by ${signal}` : `exit code ${exit.exitCode ?? 'unknown'}`;
  return new SluiceError(code, `GDAL reported: ${messages[0] ?? `${program} failed without a message (${end})`}`, {
    details: { program, messages: messages.slice(0, MAX_MESSAGES), ...(signal ? { signal } : {}) },
  });
}

/** The error of a program, or of its wrapper, that another process or the kernel ended; undefined for other exits. */
export function killedError(program: string, exit: Pick<GdalExit, 'exitCode' | 'signal'>): SluiceError | undefined {
  const signal = exit.signal ?? SIGNALS[exit.exitCode ?? 0];
  if (!KILL_SIGNALS.has(signal ?? '')) return undefined;
  return new SluiceError('PROGRAM_KILLED', `Another process or the kernel ended ${program} with ${signal}.`, {
    details: { program, signal },
  });
}

export function gdalMissing(program: string, cause?: unknown): SluiceError {
  return new SluiceError(
    'GDAL_MISSING',
    `${program} is not installed or cannot be started. Run npm run setup, or install GDAL 3.6 or newer.`,
    { cause, details: { program } },
  );
}

/** The error when a wrapper failed before it started the program. */
function wrapperError({ command, args }: GdalCommand, { exitCode, stderr }: GdalExit): SluiceError | undefined {
  // The dynamic loader also exits with 127, when the memory limit leaves no room for shared libraries.
  if (/^bwrap: execvp /.test(stderr) || (exitCode === NOT_FOUND_EXIT_CODE && !/shared librar/.test(stderr)))
    return gdalMissing(command);
  if (!/^(bwrap|unshare|prlimit|setpriv): /.test(stderr)) return undefined;
  return new SluiceError(
    'INTERNAL',
    `Could not start the sandbox of ${command}: ${withoutLocalPaths(cleanText(bothEnds(stderr)), args).trim()}`,
    { details: { program: command } },
  );
}

/** The error of a program that Sluice stopped. `limits` holds the limit that was exceeded. */
export function limitExceeded(
  program: string,
  exceeded: ExceededLimit | 'output',
  limits: Partial<WatchLimits> & { outputBytes?: number },
): SluiceError {
  switch (exceeded) {
    case 'progress':
      return new SluiceError(
        'STEP_NO_PROGRESS',
        `${program} used ${limits.stalledCpuSeconds} s of processor time without reading or writing ` +
          '(GDAL_STALLED_CPU_SECONDS).',
        { details: { program, seconds: limits.stalledCpuSeconds, variable: 'GDAL_STALLED_CPU_SECONDS' } },
      );
    case 'memory':
      return new SluiceError('FILE_TOO_LARGE', `${program} used more than ${limits.memoryBytes} bytes of memory.`, {
        details: { program, limit: limits.memoryBytes, variable: 'GDAL_MEMORY_BYTES' },
      });
    case 'output':
      return new SluiceError('FILE_TOO_LARGE', `${program} printed more than ${limits.outputBytes} bytes.`, {
        details: { program, output_limit: limits.outputBytes },
      });
  }
}

/** A message as a sentence that others can follow. Those of GDAL often have no full stop. */
export function asSentence(message: string): string {
  return /[.!?]$/.test(message) ? message : `${message}.`;
}

/** Adds the file to the error of a program that exceeded a limit or was killed; other errors are not changed. */
export function nameFileInLimitError(error: SluiceError, file: string): SluiceError {
  if (error.details.file !== undefined) return error;
  const options = { cause: error, details: { ...error.details, file } };
  if (error.code === 'STEP_NO_PROGRESS' || error.code === 'PROGRAM_KILLED')
    return new SluiceError(error.code, `${file}: ${error.message}`, options);
  if (error.code !== 'FILE_TOO_LARGE') return error;
  if (error.details.output_limit !== undefined)
    return new SluiceError(
      'FILE_TOO_LARGE',
      `The description of ${file} is too long: ${asSentence(error.message)} ` +
        'Remove layers, fields or metadata from the file.',
      options,
    );
  return new SluiceError(
    'FILE_TOO_LARGE',
    `${file} needs more memory or disk than one GDAL program may use (GDAL_MEMORY_BYTES, MAX_FILE_BYTES): ` +
      `${asSentence(error.message)} Split the file, or increase the limit.`,
    options,
  );
}

/** Runs `work` for a file. The errors of its programs that exceeded a limit or were killed name the file. */
export async function namingFile<T>(file: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (thrown) {
    throw thrown instanceof SluiceError ? nameFileInLimitError(thrown, file) : thrown;
  }
}

/** GDAL's errors (`ERROR n: …`), then its `FAILURE:` lines, without these prefixes. */
export function messagesOf(text: string): string[] {
  const errors = matches(text, /^ERROR \d+: (.+(?:\n(?!ERROR \d|Warning \d|FAILURE|INFO|\n).+)*)/gm);
  const failures = matches(text, /^FAILURE:?\s*(.+)/gm);
  return [...new Set([...errors, ...failures].filter((message) => message !== ''))];
}

/** GDAL's warnings, without their prefix. */
export function warningsOf(text: string): string[] {
  return matches(text, /^Warning \d+: (.+(?:\n(?!ERROR \d|Warning \d|FAILURE|INFO|\n).+)*)/gm);
}

/** The first different messages that match, each on one line. */
function matches(text: string, pattern: RegExp): string[] {
  const found = new Set<string>();
  for (const [, message = ''] of text.matchAll(pattern)) {
    found.add(oneLine(shortened(message)));
    if (found.size === MAX_READ_MESSAGES) break;
  }
  return [...found];
}

/** The whole lines at the beginning and at the end of an output, where GDAL writes the cause of a failure. */
function bothEnds(output: string): string {
  if (output.length <= 2 * SEARCHED_CHARACTERS) return output;
  const [beginning, end] = [output.slice(0, SEARCHED_CHARACTERS), output.slice(-SEARCHED_CHARACTERS)];
  return `${beginning.slice(0, beginning.lastIndexOf('\n') + 1 || undefined)}\n${end.slice(end.indexOf('\n') + 1)}`;
}

/** A message without its middle. PostgreSQL writes the place of an error at its end. */
function shortened(message: string): string {
  const kept = MESSAGE_END_CHARACTERS;
  return message.length <= 2 * kept ? message : `${message.slice(0, kept)}…${message.slice(-kept)}`;
}

/** Advice to set an option of GDAL, which a user of Sluice cannot do. */
const OPTION_ADVICE =
  / ?(?:You may|You can|Try) set(?:ting)? (?:the )?[A-Z_]{5,} (?:configuration|open) option[^.]*\.?/g;

function oneLine(text: string): string {
  return text
    .replaceAll(/\s+/g, ' ')
    .replaceAll(OPTION_ADVICE, '')
    .replace(/^ERROR: +/, '')
    .trim();
}

/** Text without control characters other than line breaks, for logs and documents. */
export function cleanText(text: string): string {
  return text.replaceAll(/[\u0000-\u0009\u000b-\u001f\u007f]/g, ' ');
}

/** Removes the folders from paths that are among the arguments, so that a message has no path of this machine. */
export function withoutLocalPaths(text: string, args: readonly string[]): string {
  const paths = args.filter((arg) => arg.startsWith('/')).sort((a, b) => b.length - a.length);
  let clean = text;
  for (const path of paths) {
    clean = clean.replaceAll(path, basename(path));
    if (dirname(path) !== '/') clean = clean.replaceAll(`${dirname(path)}/`, '').replaceAll(dirname(path), '');
  }
  return clean;
}
