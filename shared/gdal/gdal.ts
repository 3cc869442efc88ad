/** A GDAL program to run: argument arrays only. Made by pure functions, run by the one runner. */
export interface GdalCommand {
  command:
    | 'ogrinfo'
    | 'ogr2ogr'
    | 'gdalinfo'
    | 'gdal_translate'
    | 'gdalwarp'
    | 'gdaltransform'
    | 'gdalbuildvrt'
    | 'gdalsrsinfo'
    | 'projinfo';
  args: string[];
  /** GDAL's short names of the drivers that this command may use; all others are skipped. */
  drivers: string[];
  /** Added to the hardened environment, for example open options that have no flag. Never user text. */
  environment?: Record<string, string>;
  /** The one folder of files that it reads and writes; it sees no other file but those of the system. None for a program without files. */
  folder?: string;
  /** What it reads from standard input. */
  input?: string;
  /** File that it writes, if any; removed when it fails. */
  output?: string;
}

export interface GdalResult {
  stdout: string;
  /** Warnings and messages, control characters removed, cut to 8 KiB. */
  stderr: string;
  seconds: number;
}

/** The one GDAL runner (shared/gdal/runner.ts). */
export interface Gdal {
  /** Runs with time, memory and output limits, without network, in sight of its own files only. Throws FILE_UNREADABLE, STEP_TIMEOUT, CANCELED, GDAL_MISSING, DISK_FULL. */
  run(command: GdalCommand, options: { signal: AbortSignal; timeoutSeconds?: number }): Promise<GdalResult>;
}
