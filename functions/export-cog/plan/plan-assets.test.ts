import { describe, expect, test } from 'vitest';
import { deterministicObjectId } from '#shared/events/event.ts';
import { ManifestSchema } from '#shared/manifest/manifest.ts';
import { planAssets } from './plan-assets.ts';

describe('datasets of several files', () => {
  const planned = (files: { path: string; layer?: string }[], raster = {}) => {
    const manifest = ManifestSchema.parse({
      batch_id: 'b',
      uploader: 'ana',
      intent: 'ingest_raster',
      files: files.map((file) => ({ type: 'raster', format: 'GTiff', ...file })),
      metadata: { raster },
    });
    return planAssets({ run_id: 'r', dataset_id: 'elev', manifest }).map(({ dataset_id }) => dataset_id);
  };
  test('are named after the file, and after the variable of a repeated file', () => {
    expect(planned([{ path: 's3://l/a/Höhe #1.tif' }])).toEqual(['elev']);
    expect(planned([{ path: 's3://l/a.tif' }, { path: 's3://l/b.tif' }], { mosaic: true })).toEqual(['elev']);
    expect(
      planned([{ path: 's3://l/a/Höhe #1.tif' }, { path: 's3://l/b/Höhe (1).tif' }, { path: 's3://l/🌳.tif' }]),
    ).toEqual(['elev.Höhe_1', 'elev.Höhe_1_', 'elev._']);
    expect(
      planned([
        { path: 's3://l/w.nc', layer: 'u' },
        { path: 's3://l/w.nc', layer: 'v' },
        { path: 's3://l/x/w.nc' },
        { path: 's3://l/y/w.nc' },
      ]),
    ).toEqual(['elev.w.u', 'elev.w.v', 'elev.w', 'elev.w-2']);
    expect(
      planned([{ path: `s3://l/${'é'.repeat(200)}.tif` }, { path: `s3://l/${'é'.repeat(201)}.tif` }]).map((name) => [
        name.length,
        name.slice(-2),
      ]),
    ).toEqual([
      [100, 'éé'],
      [100, '-2'],
    ]);
  });
  test('are cut to names that a store can hold, between two characters', () => {
    const names = planned([{ path: `s3://l/${'道'.repeat(70)}1.tif` }, { path: `s3://l/${'道'.repeat(70)}2.tif` }]);
    expect(names).toEqual([`elev.${'道'.repeat(70)}`, `elev.${'道'.repeat(69)}-2`]);
    const astral = planned([{ path: `s3://l/${'𠀀'.repeat(56)}.tif` }, { path: 's3://l/b.tif' }]);
    expect(astral).toEqual([`elev.${'𠀀'.repeat(52)}`, 'elev.b']);
  });
  test.each([
    [
      ['x/a', 'y/a', 'z/a-2'],
      ['a', 'a-3', 'a-2'],
    ],
    [
      ['z/a-2', 'x/a', 'y/a', 'w/a'],
      ['a-2', 'a', 'a-3', 'a-4'],
    ],
    [
      ['x/A', 'y/a', 'z/STRASSE', 'z/straße'],
      ['A', 'a-2', 'STRASSE', 'straße-2'],
    ],
    [
      ['a b', 'a#b', 'a_b', 'a_b-2'],
      ['a_b', 'a_b-3', 'a_b-4', 'a_b-2'],
    ],
  ])('of %j have unique names', (names, datasets) => {
    expect(planned(names.map((name) => ({ path: `s3://l/${name}.tif` })))).toEqual(
      datasets.map((name) => `elev.${name}`),
    );
  });
  test('have ids that depend only on run and position', () => {
    const manifest = ManifestSchema.parse({
      batch_id: 'b',
      uploader: 'ana',
      intent: 'ingest_raster',
      files: [{ path: 'x', type: 'raster', format: 'GTiff' }],
    });
    expect(planAssets({ run_id: 'r', dataset_id: 'd', manifest })[0]?._id).toBe(
      deterministicObjectId('asset', 'r', 'cog', 0),
    );
  });
});
