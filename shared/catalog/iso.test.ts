import { expect, test } from 'vitest';
import { assetDocument } from '../../tests/fixtures/documents.ts';
import { isoRecord } from './iso.ts';

const asset = assetDocument({
  dataset_id: 'straßen',
  version: 3,
  s3_key: 'straßen/r/straßen.parquet',
  bbox: [-1, 50, 1.5, 52],
  geometry_types: ['Polygon'],
  size_bytes: 4,
  recipe: { name: 'default', parameters: { simplify_tolerance: 0.00001 }, steps: ['NormalizeCRS', 'MakeValid'] },
  sources: [
    {
      path: 's3://landing-zone/b/x.gpkg',
      sha256: 'c'.repeat(64),
      size_bytes: 4,
      format: 'GPKG',
      layer: 'roads',
      crs: 'EPSG:27700',
      row_count: 3,
    },
  ],
});
const run = {
  run_id: '0d4a1f6e-2f64-8c11-9a3e-0123456789ab',
  manifest: { batch_id: 'b', uploader: 'zoë', intent: 'ingest_vector', files: [], metadata: {} },
};

test('a record contains every element that ISO 19139 requires', () => {
  const contact = { individualName: 'zoë', role: 'pointOfContact' };
  expect(isoRecord(asset, run, 'data-lake')).toEqual({
    fileIdentifier: asset._id,
    metadataStandardName: 'ISO 19115',
    language: 'eng',
    characterSet: 'utf8',
    hierarchyLevel: 'dataset',
    contact,
    dateStamp: asset.created_at,
    referenceSystemInfo: { code: '4326', codeSpace: 'EPSG' },
    identificationInfo: {
      citation: { title: 'straßen', date: { date: asset.created_at, dateType: 'creation' }, edition: '3' },
      abstract: 'Dataset straßen, version 3.',
      pointOfContact: contact,
      descriptiveKeywords: ['ingest_vector', 'Polygon'],
      spatialRepresentationType: 'vector',
      language: 'eng',
      topicCategory: 'location',
      extent: {
        geographicElement: {
          westBoundLongitude: -1,
          southBoundLatitude: 50,
          eastBoundLongitude: 1.5,
          northBoundLatitude: 52,
        },
      },
    },
    distributionInfo: {
      distributionFormat: { name: 'GeoParquet', version: '1.1.0' },
      transferOptions: { linkage: 's3://data-lake/straßen/r/straßen.parquet', sizeBytes: 4 },
    },
    dataQualityInfo: {
      lineage: {
        statement: `Made by run ${run.run_id} with the recipe default (simplify_tolerance = 0.00001).`,
        source: [
          { description: `s3://landing-zone/b/x.gpkg, GPKG, layer roads, EPSG:27700, SHA-256 ${'c'.repeat(64)}` },
        ],
        processStep: [
          { description: 'NormalizeCRS', dateTime: asset.created_at },
          { description: 'MakeValid', dateTime: asset.created_at },
        ],
      },
    },
  });
});

test('the record of a joined asset lists its parent assets as sources', () => {
  const record = isoRecord(
    { ...asset, kind: 'joined', sources: [], parents: ['a'.repeat(24), 'b'.repeat(24)] },
    run,
    'data-lake',
  );
  expect(record.dataQualityInfo.lineage.source).toEqual([
    { description: `asset ${'a'.repeat(24)}` },
    { description: `asset ${'b'.repeat(24)}` },
  ]);
});

test('the record of an asset without geometry has no extent and no reference system', () => {
  const record = isoRecord({ ...asset, kind: 'tabular', crs: null, bbox: null, geometry_types: [] }, run, 'data-lake');
  expect(record).not.toHaveProperty('referenceSystemInfo');
  expect(record.identificationInfo).not.toHaveProperty('extent');
  expect(record).toMatchObject({
    hierarchyLevel: 'nonGeographicDataset',
    identificationInfo: { spatialRepresentationType: 'textTable' },
  });
});
