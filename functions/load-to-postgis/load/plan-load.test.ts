import { describe, expect, test } from 'vitest';
import { vectorFormat } from '#shared/formats/vector-formats.ts';
import { planLoad } from './plan-load.ts';
import { stagedNames, stagingTable } from '../staging/staged-names.ts';

describe('planLoad', () => {
  const layer = {
    name: 'Straßen & "Wege"',
    geometryType: '3D Measured Multi Line String',
    fields: [{ name: 'Name', type: 'String' }],
  };
  const options = {
    path: '/scratch/a.gpkg',
    folder: '/scratch',
    format: vectorFormat('GPKG'),
    layer,
    singleLayer: false,
    schema: 'proc_1',
    table: stagingTable(3, 0),
    names: stagedNames(['Name']),
    epsg: 27700,
    openOptions: [],
    environment: { PGHOST: '/tmp' },
  };

  test('copies a layer by name, with its dimensions', () => {
    const { command, dimensionsGuessed, sridMissing } = planLoad(options);
    expect(command.args.slice(0, 12)).toEqual([
      '-f',
      'PostgreSQL',
      'PG:',
      '/scratch/a.gpkg',
      'Straßen & "Wege"',
      '-nln',
      'load_3_0',
      '-nlt',
      'GEOMETRYZM',
      '-a_srs',
      'EPSG:27700',
      '-mapFieldType',
    ]);
    expect(command.drivers).toEqual(['GPKG', 'PostgreSQL']);
    expect(command.folder).toBe('/scratch');
    expect(command.environment).toEqual({ PG_USE_COPY: 'YES', PGHOST: '/tmp' });
    expect([dimensionsGuessed, sridMissing]).toEqual([false, false]);
  });

  test('selects columns by a query when PostgreSQL rejects a name', () => {
    const { command } = planLoad({
      ...options,
      layer: {
        ...layer,
        fields: [
          { name: 'xmin', type: 'Real' },
          { name: 'a "b"', type: 'Real' },
        ],
      },
    });
    expect(command.args[command.args.indexOf('-sql') + 1]).toBe(
      String.raw`SELECT "xmin" AS "sluice~0", "a \"b\"" FROM "Straßen & \"Wege\""`,
    );
  });

  test('declares the type of a column by the name that it gets', () => {
    const { command } = planLoad({
      ...options,
      layer: {
        ...layer,
        fields: [
          { name: 'ctid', type: 'String' },
          { name: 'a', type: 'String' },
        ],
      },
      columnTypes: ['bigint', 'integer'],
    });
    expect(command.args).toContain('COLUMN_TYPES=sluice~0=bigint,a=integer');
  });

  test('requests all dimensions for a layer of unknown type, unless the format declares them', () => {
    const unknown = { ...layer, geometryType: 'Unknown (any)' };
    expect(planLoad({ ...options, layer: unknown, epsg: undefined })).toMatchObject({
      dimensionsGuessed: true,
      sridMissing: true,
      command: { args: expect.arrayContaining(['-dim', 'XYZM', 'NONE']) as string[] },
    });
    const certain = planLoad({ ...options, layer: unknown, format: vectorFormat('FlatGeobuf') });
    expect([
      certain.dimensionsGuessed,
      certain.command.args.includes('-nlt'),
      certain.command.args.includes('-dim'),
    ]).toEqual([false, false, false]);
  });
});

test('stagedNames begins all names in a way that the name of no field begins', () => {
  const { key, geometry, attribute, renamed } = stagedNames(['Name', 'SLUICE~KEY', 'sluice1~', 'x sluice2~']);
  expect([key, geometry, attribute(0), renamed(1)]).toEqual([
    'sluice2~key',
    'sluice2~geometry',
    'sluice2~0',
    'sluice2~renamed~1',
  ]);
});
