import { constants } from 'node:os';
import { basename, dirname } from 'node:path';
import type { ErrorCodeName } from '#shared/errors/codes.ts';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import type { GdalCommand } from './gdal.ts';

/** How a GDAL program ended. */
export interface GdalExit {
  exitCode: number | undefined;
  signal: string | undefined;
  stdout: string;
  stderr: string;
}

/** First match decides; the surroundings come first, because GDAL adds errors about the file to each of them. */
const CAUSES: [RegExp, ErrorCodeName][] = [
  [/No space left on device|could not extend file|disk full|Disk quota exceeded/i, 'DISK_FULL'],
  [
    /server closed the connection|terminating connection|connection to server|could not connect to server|no connection to the server|SSL SYSCALL|the database system is|canceling statement due to|too many clients/i,
    'DATABASE_UNAVAILABLE',
  ],
  [
    /std::bad_alloc|Out of memory|Cannot allocate|cannot allocate memory|failed to map segment|cannot create shared object/i,
    'FILE_TOO_LARGE',
  ],
];
/** The kernel's signals for a limit that prlimit set. */
const LIMIT_SIGNALS: Record<string, { code: ErrorCodeName; message: string }> = {
  SIGXCPU: { code: 'STEP_TIMEOUT', message: 'used all the processor time that it was allowed' },
  SIGXFSZ: { code: 'FILE_TOO_LARGE', message: 'wrote more than MAX_FILE_BYTES' },
};
/** bwrap ends as a shell does: with this and the number of the signal that ended the program. */
const SIGNAL_EXIT_CODE = 128;
/** Of two names of one signal, the first is the usual one. */
const SIGNALS = Object.fromEntries(
  Object.entries(constants.signals)
    .reverse()
    .map(([name, number]) => [SIGNAL_EXIT_CODE + number, name]),
);
/** A wrapper could not start the program. */
const NOT_FOUND_EXIT_CODE = 127;
/** Messages kept in details: enough to see the cause, small enough for a ledger document. */
const MAX_MESSAGES = 5;

/** The error of a program that failed, in GDAL's own words, without paths of this machine. `details.messages` are the first ones. */
export function gdalError(command: GdalCommand, exit: GdalExit): SluiceError {
  const signal = exit.signal ?? SIGNALS[exit.exitCode ?? 0];
  const limit = LIMIT_SIGNALS[signal ?? ''];
  if (limit !== undefined)
    return new SluiceError(limit.code, `${command.command} ${limit.message}.`, {
      details: { program: command.command },
    });
  const wrapper = wrapperFailure(command, exit);
  if (wrapper !== undefined) return wrapper;
  const text = withoutLocalPaths(cleanText(`${exit.stderr}\n${exit.stdout}`), command.args);
  const messages = messagesOf(text);
  const code = CAUSES.find(([pattern]) => pattern.test(text))?.[1] ?? 'FILE_UNREADABLE';
  const said =
    messages[0] ?? (signal ? `it was ended by ${signal}` : `it ended with code ${exit.exitCode ?? 'unknown'}`);
  const details = {
    program: command.command,
    messages: messages.slice(0, MAX_MESSAGES),
    ...(signal ? { signal } : {}),
  };
  return new SluiceError(code, `GDAL says: ${said}`, { details });
}

/** The error when the program was not even begun. */
function wrapperFailure({ command, args }: GdalCommand, { exitCode, stderr }: GdalExit): SluiceError | undefined {
  // The loader ends so as well, when it finds no room for its libraries.
  if (/^bwrap: execvp /.test(stderr) || (exitCode === NOT_FOUND_EXIT_CODE && !/shared librar/.test(stderr))) {
    return new SluiceError(
      'GDAL_MISSING',
      `${command} is not installed. Run npm run setup, or install gdal-bin 3.6 or newer.`,
      { details: { program: command } },
    );
  }
  if (!/^(bwrap|unshare|prlimit|setpriv): /.test(stderr)) return undefined;
  return new SluiceError(
    'INTERNAL',
    `The sandbox of ${command} could not be set up: ${withoutLocalPaths(cleanText(stderr), args).trim()}`,
    { details: { program: command } },
  );
}

/** The error of a program that came to a limit, about the file that it worked on; others as they are. */
export function nameFileInLimitError(error: SluiceError, file: string): SluiceError {
  if (error.code !== 'FILE_TOO_LARGE' || error.details.file !== undefined) return error;
  return new SluiceError(
    'FILE_TOO_LARGE',
    `${file} needs more memory or disk than one GDAL program may use (GDAL_MEMORY_BYTES, MAX_FILE_BYTES): ${error.message} Split it, or raise the limit.`,
    { cause: error, details: { ...error.details, file } },
  );
}

/** GDAL's errors (`ERROR n: …`), else its `FAILURE:` lines, without the marks before them. */
export function messagesOf(text: string): string[] {
  const errors = [...text.matchAll(/^ERROR \d+: (.+(?:\n(?!ERROR \d|Warning \d|FAILURE|INFO|\n).+)*)/gm)].map((match) =>
    oneLine(match[1] ?? ''),
  );
  const failures = [...text.matchAll(/^FAILURE:?\s*(.+)/gm)].map((match) => oneLine(match[1] ?? ''));
  return [...new Set([...errors, ...failures].filter((message) => message !== ''))];
}

/** GDAL's warnings, without the marks before them. */
export function warningsOf(text: string): string[] {
  return [...text.matchAll(/^Warning \d+: (.+(?:\n(?!ERROR \d|Warning \d|FAILURE|INFO|\n).+)*)/gm)].map((match) =>
    oneLine(match[1] ?? ''),
  );
}

/** Advice to whoever runs GDAL, which is not who reads this. */
const OPTION_ADVICE =
  / ?(?:You may|You can|Try) set(?:ting)? (?:the )?[A-Z_]{5,} (?:configuration|open) option[^.]*\.?/g;

function oneLine(text: string): string {
  return text
    .replaceAll(/\s+/g, ' ')
    .replaceAll(OPTION_ADVICE, '')
    .replace(/^ERROR: +/, '')
    .trim();
}

/** Text that is safe in a log and a document: no control characters but line breaks. */
export function cleanText(text: string): string {
  return text.replaceAll(/[\u0000-\u0009\u000b-\u001f\u007f]/g, ' ');
}

/** Names files as their owner knows them: paths among the arguments lose their folders. */
export function withoutLocalPaths(text: string, args: readonly string[]): string {
  const paths = args.filter((arg) => arg.startsWith('/')).sort((a, b) => b.length - a.length);
  let clean = text;
  for (const path of paths) {
    clean = clean.replaceAll(path, basename(path));
    if (dirname(path) !== '/') clean = clean.replaceAll(`${dirname(path)}/`, '').replaceAll(dirname(path), '');
  }
  return clean;
}
