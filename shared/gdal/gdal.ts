import type { GDAL_PROGRAMS } from './programs.mjs';

/** A GDAL program with its arguments. Pure functions create commands; the runner (runner.ts) executes them. */
export interface GdalCommand {
  command: (typeof GDAL_PROGRAMS)[number];
  args: string[];
  /** Short names of the GDAL drivers that the program may use. All other drivers are disabled. */
  drivers: string[];
  /** Added to the environment of the sandbox, for example options without a flag. Never user text. */
  environment?: Record<string, string>;
  /** The only folder that the program can read and write, apart from system folders. */
  folder?: string;
  /** Text that the program gets on standard input. */
  input?: string;
  /** The file that the program writes; removed when the program fails. */
  output?: string;
}

export interface GdalResult {
  stdout: string;
  /** Warnings and messages, without control characters, cut to 8 KiB. */
  stderr: string;
  seconds: number;
}

export interface Gdal {
  /**
   * Runs a program in the sandbox: limited time, memory and output, no network, only its own files. Throws
   * FILE_UNREADABLE, FILE_TOO_LARGE, STEP_TIMEOUT, STEP_NO_PROGRESS, PROGRAM_KILLED, CANCELED, GDAL_MISSING, DISK_FULL,
   * DATABASE_UNAVAILABLE.
   */
  run(command: GdalCommand, options: { signal: AbortSignal; timeoutSeconds?: number }): Promise<GdalResult>;
}
