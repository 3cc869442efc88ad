import { rm } from 'node:fs/promises';
import { execa } from 'execa';
import type { Env } from '#shared/config/env.ts';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { type Logger, SILENT_LOG } from '#shared/log/log.ts';
import { JoinedSignal } from '#shared/signals/joined-signal.ts';
import { cleanText, gdalError, gdalMissing, limitExceeded, withoutLocalPaths } from './gdal-error.ts';
import type { Gdal, GdalCommand, GdalResult } from './gdal.ts';
import { inChildSpan } from '#shared/tracing/tracing.ts';
import { type ExceededLimit, watchProgram, type WatchLimits } from '#shared/processes/program-watch.ts';
import { type Confinement, confinedCommandLine, detectConfinement } from './sandbox/wrappers.ts';
import { driversToSkip, installedDrivers, sandboxEnvironment } from './sandbox/environment.ts';

/** A hundred layers with a thousand fields each fit. A program that prints more is stopped. */
const MAX_STDOUT_BYTES = 16 * 2 ** 20;
/** Bytes of standard error that are read. A program that prints more is stopped. */
const MAX_STDERR_BYTES = 2 ** 20;
/** Characters of standard error in the result. GDAL can warn once per feature; the first warnings are sufficient. */
const KEPT_STDERR_CHARACTERS = 8 * 2 ** 10;
/** Local paths are removed from this part. A part without them can be longer than the kept one. */
const READ_STDERR_CHARACTERS = 8 * KEPT_STDERR_CHARACTERS;

/** Creates the GDAL runner (see Gdal). Tests pass `confinement` to simulate a machine without some of the wrappers. */
export function createGdal(env: Env, options: { log?: Logger; confinement?: Confinement } = {}): Gdal {
  return {
    run: async (command, { signal, timeoutSeconds = env.STEP_TIMEOUT_SECONDS }): Promise<GdalResult> => {
      signal.throwIfAborted();
      // Before the confinement is detected: the detection runs a GDAL program, and would report missing GDAL as no
      // bwrap.
      const installed = await installedDrivers();
      const confinement = options.confinement ?? (await detectConfinement(options.log ?? SILENT_LOG));
      const line = confinedCommandLine(command, confinement, {
        memoryBytes: env.GDAL_MEMORY_BYTES,
        fileBytes: env.MAX_FILE_BYTES,
        seconds: timeoutSeconds,
      });
      const variables = sandboxEnvironment(process.env, driversToSkip(installed, command.drivers), command);
      const watchLimits: WatchLimits = {
        stalledCpuSeconds: env.GDAL_STALLED_CPU_SECONDS,
        memoryBytes: confinement.limits ? undefined : env.GDAL_MEMORY_BYTES,
      };
      try {
        const limits = { signal, timeoutSeconds, watchLimits };
        return await inChildSpan(command.command, {}, () => runLine(command, line, variables, limits));
      } catch (thrown) {
        if (command.output !== undefined) await rm(command.output, { force: true, recursive: true });
        throw thrown;
      }
    },
  };
}

async function runLine(
  command: GdalCommand,
  line: [string, ...string[]],
  variables: Record<string, string>,
  { signal, timeoutSeconds, watchLimits }: { signal: AbortSignal; timeoutSeconds: number; watchLimits: WatchLimits },
): Promise<GdalResult> {
  const started = performance.now();
  using limited = new JoinedSignal([signal], timeoutSeconds * 1000);
  const { result, exceeded } = await spawnUntilStopped(line, variables, command.input, {
    stop: limited.signal,
    watchLimits,
  });
  if (signal.aborted) throw canceled(signal);
  if (exceeded !== undefined) throw limitExceeded(command.command, exceeded, watchLimits);
  if (limited.timedOut) {
    throw new SluiceError('STEP_TIMEOUT', `${command.command} exceeded its time limit of ${timeoutSeconds} s.`, {
      details: { program: command.command, seconds: timeoutSeconds },
    });
  }
  if (result.isMaxBuffer) {
    const limit = result.stderr.length >= MAX_STDERR_BYTES ? MAX_STDERR_BYTES : MAX_STDOUT_BYTES;
    throw limitExceeded(command.command, 'output', { outputBytes: limit });
  }
  if (result.code === 'E2BIG') throw tooManyArguments(command);
  if (result.exitCode === undefined && result.signal === undefined) throw gdalMissing(command.command, result);
  if (result.failed) throw gdalError(command, result);
  const stderr = withoutLocalPaths(cleanText(result.stderr.slice(0, READ_STDERR_CHARACTERS)), command.args);
  return {
    stdout: result.stdout,
    stderr: stderr.slice(0, KEPT_STDERR_CHARACTERS),
    seconds: (performance.now() - started) / 1000,
  };
}

/** The operating system limits each argument to 128 KiB. Names of layers and columns are arguments. */
function tooManyArguments({ command, args }: GdalCommand): SluiceError {
  const bytes = Buffer.byteLength(args.join(' '));
  return new SluiceError(
    'FILE_UNREADABLE',
    `${command} cannot be started with arguments of ${bytes} bytes. Shorten the names of columns, or remove columns.`,
    { details: { program: command, bytes } },
  );
}

/** Runs a command line in its own process group. Kills the group on `stop`, and when it exceeds a limit. */
async function spawnUntilStopped(
  [program, ...args]: [string, ...string[]],
  variables: Record<string, string>,
  input: string | undefined,
  { stop, watchLimits }: { stop: AbortSignal; watchLimits: WatchLimits },
) {
  const child = execa(program, args, {
    env: variables,
    extendEnv: false,
    cwd: '/',
    ...(input === undefined ? { stdin: 'ignore' as const } : { input }),
    reject: false,
    stripFinalNewline: false,
    detached: true,
    maxBuffer: { stdout: MAX_STDOUT_BYTES, stderr: MAX_STDERR_BYTES },
  });
  const { pid } = child;
  let exceeded: ExceededLimit | undefined;
  const kill = () => {
    if (pid !== undefined) killGroup(pid);
  };
  const killOver = (limit: ExceededLimit) => {
    exceeded = limit;
    kill();
  };
  const stopWatching = pid === undefined ? () => undefined : watchProgram(pid, watchLimits, killOver);
  stop.addEventListener('abort', kill);
  if (stop.aborted) kill(); // A signal that is already aborted does not call the listener.
  const result = await child.finally(() => {
    stop.removeEventListener('abort', kill);
    stopWatching();
  });
  if (result.isMaxBuffer) kill(); // execa stops only the wrapper, not the GDAL program in it.
  return { result, exceeded };
}

/** SIGKILL, because partial output is removed anyway. */
function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // The group has already ended.
  }
}

/** The reason of the abort, if it is a SluiceError. */
function canceled(signal: AbortSignal): SluiceError {
  const reason: unknown = signal.reason;
  return reason instanceof SluiceError
    ? reason
    : new SluiceError('CANCELED', 'The GDAL program was canceled.', { cause: reason });
}
