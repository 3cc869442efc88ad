import type { AssetDocument, RunDocument } from '#shared/ledger/documents.ts';

/** Codes of ISO 19115-1 (https://standards.iso.org/iso/19115/resources/Codelists/gml/codelists.xml). */
type HierarchyLevel = 'dataset' | 'nonGeographicDataset';
type SpatialRepresentation = 'vector' | 'grid' | 'textTable';

/**
 * An ISO 19115 record as JSON: fields have the names of its elements. Contains every element that ISO 19139 requires;
 * others are omitted if empty.
 */
export interface IsoRecord {
  fileIdentifier: string;
  metadataStandardName: 'ISO 19115';
  language: string;
  characterSet: 'utf8';
  hierarchyLevel: HierarchyLevel;
  contact: IsoContact;
  dateStamp: string;
  referenceSystemInfo?: { code: string; codeSpace?: string };
  identificationInfo: {
    citation: { title: string; date: { date: string; dateType: 'creation' }; edition: string };
    abstract: string;
    pointOfContact: IsoContact;
    descriptiveKeywords: string[];
    spatialRepresentationType: SpatialRepresentation;
    language: string;
    topicCategory: 'location' | 'imageryBaseMapsEarthCover';
    extent?: {
      geographicElement: {
        westBoundLongitude: number;
        southBoundLatitude: number;
        eastBoundLongitude: number;
        northBoundLatitude: number;
      };
    };
  };
  distributionInfo: {
    distributionFormat: { name: string; version: string };
    transferOptions: { linkage: string; sizeBytes: number };
  };
  dataQualityInfo: {
    lineage: {
      statement: string;
      source: { description: string }[];
      processStep: { description: string; dateTime: string }[];
    };
  };
}

interface IsoContact {
  individualName: string;
  role: 'pointOfContact';
}

/**
 * Language of the metadata (ISO 639-2). The language of the data is unknown, so the same code is written for it.
 */
const LANGUAGE = 'eng';

/** The ISO 19115 record of an asset that `run` made. Pure. */
export function isoRecord(
  asset: AssetDocument,
  run: Pick<RunDocument, 'manifest' | 'run_id'>,
  lakeBucket: string,
): IsoRecord {
  const { uploader, metadata, intent } = run.manifest;
  const contact: IsoContact = { individualName: uploader, role: 'pointOfContact' };
  return {
    fileIdentifier: asset._id,
    metadataStandardName: 'ISO 19115',
    language: LANGUAGE,
    characterSet: 'utf8',
    hierarchyLevel: asset.kind === 'tabular' ? 'nonGeographicDataset' : 'dataset',
    contact,
    dateStamp: asset.created_at,
    ...(asset.crs === null ? {} : { referenceSystemInfo: referenceSystem(asset.crs) }),
    identificationInfo: {
      citation: {
        title: asset.dataset_id,
        date: { date: asset.created_at, dateType: 'creation' },
        edition: String(asset.version),
      },
      abstract: metadata.description?.trim() || `Dataset ${asset.dataset_id}, version ${asset.version}.`,
      pointOfContact: contact,
      descriptiveKeywords: [
        ...new Set([metadata.project, intent, ...asset.geometry_types].filter((word) => word !== undefined)),
      ],
      spatialRepresentationType: REPRESENTATION[asset.kind],
      language: LANGUAGE,
      topicCategory: asset.kind === 'raster' ? 'imageryBaseMapsEarthCover' : 'location',
      ...extentOf(asset),
    },
    distributionInfo: {
      distributionFormat: FORMAT[asset.kind],
      transferOptions: { linkage: `s3://${lakeBucket}/${asset.s3_key}`, sizeBytes: asset.size_bytes },
    },
    dataQualityInfo: { lineage: lineageOf(asset, run.run_id) },
  };
}

const REPRESENTATION = {
  spatial: 'vector',
  joined: 'vector',
  raster: 'grid',
  tabular: 'textTable',
} as const satisfies Record<AssetDocument['kind'], SpatialRepresentation>;

const GEOPARQUET = { name: 'GeoParquet', version: '1.1.0' };
const FORMAT = {
  spatial: GEOPARQUET,
  joined: GEOPARQUET,
  raster: { name: 'Cloud Optimized GeoTIFF', version: '1.0' },
  tabular: { name: 'Apache Parquet', version: '2' },
} as const satisfies Record<AssetDocument['kind'], { name: string; version: string }>;

/** Splits `EPSG:4326` into code and code space. A CRS without authority becomes the code. */
function referenceSystem(crs: string): { code: string; codeSpace?: string } {
  const [, codeSpace, code] = /^([A-Za-z]+):(\w+)$/.exec(crs) ?? [];
  return codeSpace && code ? { code, codeSpace } : { code: crs };
}

function extentOf({ bbox }: AssetDocument): Pick<IsoRecord['identificationInfo'], 'extent'> {
  if (bbox === null) return {};
  const [west, south, east, north] = bbox;
  return {
    extent: {
      geographicElement: {
        westBoundLongitude: west,
        southBoundLatitude: south,
        eastBoundLongitude: east,
        northBoundLatitude: north,
      },
    },
  };
}

function lineageOf(asset: AssetDocument, runId: string): IsoRecord['dataQualityInfo']['lineage'] {
  const { recipe, sources, parents = [], created_at } = asset;
  const parameters = Object.entries(recipe.parameters)
    .map(([name, value]) => `${name} = ${JSON.stringify(value)}`)
    .join(', ');
  return {
    statement: `Made by run ${runId} with the recipe ${recipe.name}${parameters ? ` (${parameters})` : ''}.`,
    source: [
      ...sources.map(({ path, sha256, format, layer, crs }) => ({
        description: [path, format, layer === null ? null : `layer ${layer}`, crs, `SHA-256 ${sha256}`]
          .filter((part) => part !== null)
          .join(', '),
      })),
      ...parents.map((id) => ({ description: `asset ${id}` })),
    ],
    processStep: recipe.steps.map((step) => ({ description: step, dateTime: created_at })),
  };
}
