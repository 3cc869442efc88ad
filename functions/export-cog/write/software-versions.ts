import { SLUICE_VERSION } from '#shared/assets/store-asset.ts';
import type { Gdal } from '#shared/gdal/gdal.ts';

let gdalVersions: Promise<Record<string, string>> | undefined;

/** The versions of Sluice, GDAL and PROJ, for the asset. They are read from GDAL once per process. */
export async function softwareVersions(gdal: Gdal, signal: AbortSignal): Promise<Record<string, string>> {
  gdalVersions ??= readGdalVersions(gdal, signal).catch((thrown: unknown) => {
    gdalVersions = undefined;
    throw thrown;
  });
  return { Sluice: SLUICE_VERSION, ...(await gdalVersions) };
}

async function readGdalVersions(gdal: Gdal, signal: AbortSignal): Promise<Record<string, string>> {
  const gdalinfo = async (option: string) =>
    (await gdal.run({ command: 'gdalinfo', args: [option], drivers: [] }, { signal })).stdout;
  return parseVersions(await gdalinfo('--version'), await gdalinfo('--build'));
}

/** Parses `gdalinfo --version` (`GDAL 3.6.2, released 2023/01/02`) and `gdalinfo --build` (lines of `NAME=value`). */
export function parseVersions(version: string, build: string): Record<string, string> {
  const [, gdal] = /GDAL (\S+?),/.exec(version) ?? [];
  const [, proj] = /^PROJ_RUNTIME_VERSION=(\S+)/m.exec(build) ?? [];
  return { GDAL: gdal ?? version.trim(), ...(proj === undefined ? {} : { PROJ: proj }) };
}
