import { rm } from 'node:fs/promises';
import { execa } from 'execa';
import type { Env } from '#shared/config/env.ts';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { type Confinement, confinedCommandLine, detectConfinement } from './sandbox/confinement.ts';
import { cleanText, gdalError, type GdalExit, withoutLocalPaths } from './gdal-error.ts';
import { type Logger, SILENT_LOG } from '#shared/log/log.ts';
import type { Gdal, GdalCommand, GdalResult } from './gdal.ts';
import { driversToSkip, installedDrivers, sandboxEnvironment } from './sandbox/environment.ts';

/** A description of many layers with thousands of fields fits; a program that prints without end is stopped. */
const MAX_STDOUT_BYTES = 32 * 2 ** 20;
/** GDAL warns once per feature at worst; the first ones tell the story. */
const MAX_STDERR_BYTES = 8 * 2 ** 10;

/** The one GDAL runner (see Gdal). `confinement` is for tests of machines that allow less. */
export function createGdal(env: Env, options: { log?: Logger; confinement?: Confinement } = {}): Gdal {
  return {
    run: async (command, { signal, timeoutSeconds = env.STEP_TIMEOUT_SECONDS }): Promise<GdalResult> => {
      signal.throwIfAborted();
      const installed = await installedDrivers(); // First: what confines GDAL is tried with GDAL.
      const confinement = options.confinement ?? (await detectConfinement(options.log ?? SILENT_LOG));
      const limits = { memoryBytes: env.GDAL_MEMORY_BYTES, fileBytes: env.MAX_FILE_BYTES, seconds: timeoutSeconds };
      const line = confinedCommandLine(command, confinement, limits);
      const variables = sandboxEnvironment(process.env, driversToSkip(installed, command.drivers), command);
      try {
        return await runLine(command, line, variables, { signal, timeoutSeconds });
      } catch (thrown) {
        if (command.output !== undefined) await rm(command.output, { force: true, recursive: true });
        throw thrown;
      }
    },
  };
}

async function runLine(
  command: GdalCommand,
  [program, ...args]: [string, ...string[]],
  variables: Record<string, string>,
  { signal, timeoutSeconds }: { signal: AbortSignal; timeoutSeconds: number },
): Promise<GdalResult> {
  const started = performance.now();
  const timeout = AbortSignal.timeout(timeoutSeconds * 1000);
  const stop = AbortSignal.any([signal, timeout]);
  const child = execa(program, args, {
    env: variables,
    extendEnv: false,
    cwd: '/',
    ...(command.input === undefined ? { stdin: 'ignore' as const } : { input: command.input }),
    reject: false,
    stripFinalNewline: false,
    detached: true, // A process group of its own, so that all of it can be killed.
    maxBuffer: { stdout: MAX_STDOUT_BYTES, stderr: 2 ** 20 },
  });
  const kill = () => {
    if (child.pid !== undefined) killGroup(child.pid);
  };
  stop.addEventListener('abort', kill);
  if (stop.aborted) kill(); // Aborted while it started: the listener would wait for ever.
  const result = await child.finally(() => stop.removeEventListener('abort', kill));
  if (signal.aborted) throw canceled(signal);
  if (timeout.aborted) {
    throw new SluiceError('STEP_TIMEOUT', `${command.command} took longer than ${timeoutSeconds} s.`, {
      details: { program: command.command, seconds: timeoutSeconds },
    });
  }
  const exit: GdalExit = {
    exitCode: result.exitCode,
    signal: result.signal,
    stdout: result.stdout,
    stderr: result.stderr,
  };
  if (result.isMaxBuffer) {
    kill();
    throw new SluiceError('FILE_UNREADABLE', 'The description of the file is larger than Sluice reads.', {
      details: { program: command.command },
    });
  }
  if (result.exitCode === undefined && result.signal === undefined) {
    throw new SluiceError(
      'GDAL_MISSING',
      `${command.command} cannot be started. Run npm run setup, or install gdal-bin 3.6 or newer.`,
      { cause: result, details: { program: command.command } },
    );
  }
  if (result.failed) throw gdalError(command, exit);
  const stderr = withoutLocalPaths(cleanText(result.stderr), command.args).slice(0, MAX_STDERR_BYTES);
  return { stdout: result.stdout, stderr, seconds: (performance.now() - started) / 1000 };
}

function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL'); // GDAL has nothing to tidy: what it wrote is thrown away.
  } catch {
    // It has ended.
  }
}

/** Why a step was interrupted is known to whoever aborted it (withClaim); this says only that it was. */
function canceled(signal: AbortSignal): SluiceError {
  const reason: unknown = signal.reason;
  return reason instanceof SluiceError
    ? reason
    : new SluiceError('CANCELED', 'The work was interrupted.', { cause: reason });
}
