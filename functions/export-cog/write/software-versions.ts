import type { Gdal } from '#shared/gdal/gdal.ts';
import { SLUICE_VERSION } from '#shared/assets/store-asset.ts';

let gdalVersions: Promise<Record<string, string>> | undefined;

/** Versions of what makes the files, for the asset. GDAL is asked once per process. */
export async function softwareVersions(gdal: Gdal, signal: AbortSignal): Promise<Record<string, string>> {
  gdalVersions ??= askGdal(gdal, signal).catch((thrown: unknown) => {
    gdalVersions = undefined;
    throw thrown;
  });
  return { Sluice: SLUICE_VERSION, ...(await gdalVersions) };
}

async function askGdal(gdal: Gdal, signal: AbortSignal): Promise<Record<string, string>> {
  const ask = async (option: string) =>
    (await gdal.run({ command: 'gdalinfo', args: [option], drivers: [] }, { signal })).stdout;
  return versionsOf(await ask('--version'), await ask('--build'));
}

/** Versions in the output of `gdalinfo --version` (`GDAL 3.6.2, released 2023/01/02`) and of `gdalinfo --build` (lines of `NAME=value`). */
export function versionsOf(version: string, build: string): Record<string, string> {
  const [, gdal] = /GDAL (\S+?),/.exec(version) ?? [];
  const [, proj] = /^PROJ_RUNTIME_VERSION=(\S+)/m.exec(build) ?? [];
  return { GDAL: gdal ?? version.trim(), ...(proj === undefined ? {} : { PROJ: proj }) };
}
