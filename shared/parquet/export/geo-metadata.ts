import type { GeometryProfile } from './geometry-profile.ts';

/** The struct column with the bounds of each geometry. Readers use its statistics to skip row groups. */
export const COVERING_NAME = 'bbox';

/**
 * Value of the key `geo` in the file's metadata (GeoParquet 1.1.0). `crs` is PROJJSON. Edges are planar, the default.
 */
export function geoMetadata(
  column: string,
  covering: string,
  profile: Pick<GeometryProfile, 'geometry_types' | 'bbox'>,
  crs: unknown,
): Record<string, unknown> {
  const side = (name: string) => ({ [name]: [covering, name] });
  return {
    version: '1.1.0',
    primary_column: column,
    columns: {
      [column]: {
        encoding: 'WKB',
        geometry_types: profile.geometry_types,
        crs,
        ...(profile.bbox === null ? {} : { bbox: profile.bbox }),
        covering: { bbox: { ...side('xmin'), ...side('ymin'), ...side('xmax'), ...side('ymax') } },
      },
    },
  };
}
