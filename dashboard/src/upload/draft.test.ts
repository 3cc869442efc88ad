import { expect, test } from 'vitest';
import type { FileGroup } from '../../../shared/api/views.ts';
import { draftOf } from './draft.ts';
import type { UploadState } from './upload-store.ts';

const roads: FileGroup = { path: 'roads.shp', format: 'ESRI Shapefile', type: 'vector', parts: [], problem: null };
const state: UploadState = { files: [], transfers: {}, options: {}, form: {} };

test('a draft has the proposed dataset, and the stored objects', () => {
  const transfers = { 'roads.shp': { state: 'stored', sent: 3, storedAt: 's3://landing-zone/uploads/1/roads.shp' } };
  expect(draftOf([roads], { ...state, transfers } as UploadState, 'roads')).toEqual({
    dataset_id: 'roads',
    files: [{ path: 's3://landing-zone/uploads/1/roads.shp', type: 'vector', format: 'ESRI Shapefile' }],
    metadata: {},
  });
});

test('the values of the form are fields of the manifest, and empty ones are left out', () => {
  const options = { 'roads.shp': { crs: 'EPSG:25832', type: 'vector' } };
  const form = {
    dataset_id: '',
    intent: 'ingest_road_network',
    project: '',
    description: 'Roads of 2024',
    force: true,
    recipe: {},
    raster: { mosaic: true },
  };
  expect(draftOf([roads], { ...state, options, form }, 'roads')).toEqual({
    dataset_id: '',
    intent: 'ingest_road_network',
    files: [{ path: 'roads.shp', type: 'vector', format: 'ESRI Shapefile', crs: 'EPSG:25832' }],
    metadata: { description: 'Roads of 2024', force: true },
  });
});

test('parameters and intents of another type are left out', () => {
  const form = { intent: 'ingest_parcels', recipe: { target_crs: 'EPSG:3857' }, tabular: { header: true } };
  const prices: FileGroup = { ...roads, path: 'preise.csv', format: 'CSV', type: 'tabular' };
  expect(draftOf([prices], { ...state, form }, null)).toEqual({
    dataset_id: '',
    files: [{ path: 'preise.csv', type: 'tabular', format: 'CSV' }],
    metadata: { tabular: { header: true } },
  });
});
