import type { Gdal } from '#shared/gdal/gdal.ts';
import { SLUICE_VERSION } from '#shared/lake/software.ts';

let gdalVersion: Promise<string> | undefined;

/** Versions of what makes the files, for the asset. GDAL is asked once per process. */
export async function softwareVersions(gdal: Gdal, signal: AbortSignal): Promise<Record<string, string>> {
  gdalVersion ??= askGdal(gdal, signal).catch((thrown: unknown) => {
    gdalVersion = undefined;
    throw thrown;
  });
  return { Sluice: SLUICE_VERSION, GDAL: await gdalVersion };
}

/** `GDAL 3.6.2, released 2023/01/02`. */
async function askGdal(gdal: Gdal, signal: AbortSignal): Promise<string> {
  const { stdout } = await gdal.run({ command: 'gdalinfo', args: ['--version'], drivers: [] }, { signal });
  return /GDAL (\S+?),/.exec(stdout)?.[1] ?? stdout.trim();
}
