import type { Note } from '#shared/contracts/facts.ts';
import type { DescribedRaster } from '../read/describe-raster.ts';
import type { RasterInfo } from '../read/raster-info.ts';

/**
 * Domains that describe the file and its driver, also the georeference of JPEG2000. Those of GRIB and of curvilinear
 * grids are in the asset document.
 */
const OF_DRIVERS = /^(?:IMAGE_STRUCTURE|SUBDATASETS|DERIVED_SUBDATASETS|GRIB|GEOLOCATION|xml:gml\..*|)$/;
/** Names of domains in a note. */
const LISTED_DOMAINS = 6;

/** A note about domains of metadata that the source has and the written file does not have. GDAL copies only some. */
export function metadataNotes({ info, source: { file } }: DescribedRaster, written: RasterInfo): Note[] {
  const kept = domainsOf(written);
  const lost = [...domainsOf(info)].filter((domain) => !kept.has(domain) && !OF_DRIVERS.test(domain));
  if (lost.length === 0) return [];
  const names = lost.slice(0, LISTED_DOMAINS).map((domain) => JSON.stringify(domain));
  const more = lost.length > LISTED_DOMAINS ? ` and ${lost.length - LISTED_DOMAINS} more` : '';
  return [
    {
      code: 'METADATA_DROPPED',
      file,
      message:
        `${file} has metadata in the domains ${names.join(', ')}${more}, which GDAL does not copy to the asset. ` +
        'Pixel values are not affected.',
    },
  ];
}

/** The domains of a raster and its bands. */
function domainsOf({ metadata, bands }: Pick<RasterInfo, 'metadata' | 'bands'>): Set<string> {
  return new Set(
    [metadata, ...bands.map((band) => band.metadata)].flatMap(({ metadataDomains }) => listOf(metadataDomains)),
  );
}

function listOf(domains: unknown): string[] {
  return Array.isArray(domains) ? domains.filter((domain) => typeof domain === 'string') : [];
}
