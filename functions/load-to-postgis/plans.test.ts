import { describe, expect, test } from 'vitest';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { messagesOf } from '#shared/gdal/gdal-error.ts';
import { vectorFormat } from '#shared/formats/vector-formats.ts';
import { parseLayers } from '#shared/gdal/layers.ts';
import { appendSql, columnsDifference } from './load/append-file.ts';
import { finishSql } from './load/finish-table.ts';
import { explainLoadFailure, notesOfMessages } from './load/load-messages.ts';
import { planColumns } from './load/plan-columns.ts';
import { planLoad, stagingTable } from './load/plan-load.ts';
import { plainDbfFields } from './describe/shapefile-header.ts';
import { datasetInArchive, partsOf, stemOf } from '#shared/landing/source-parts.ts';

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

  test('asks by query for names that PostgreSQL refuses', () => {
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

  test('a layer of unknown type gets all dimensions, unless its format knows better', () => {
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

test('planColumns: the first of several keeps its name', () => {
  expect(planColumns(['A', 'a2', 'geom', 'a_1'], ['A', 'a', 'geom', 'a_1'], 'geom', 'f')).toMatchObject({
    names: ['A', 'a_2', 'geom_1', 'a_1'],
    renames: [
      { from: 'a2', to: 'a_2' },
      { from: 'geom', to: 'geom_1' },
    ],
  });
  expect(planColumns(['x', 'y'], ['only one'], 'geom', 'f')).toEqual({ names: ['x', 'y'], renames: [], notes: [] });
});

test('finishSql renames through names that nothing has', () => {
  const plan = {
    renames: [
      { from: 'b', to: 'a' },
      { from: 'a', to: 'a_1' },
    ],
    dropped: ['g2'],
    geometry: { staged: 'g', dimensionsGuessed: false, srid: 910001 },
  };
  expect(finishSql('load_1_0', plan, 'geom')).toEqual([
    'alter table load_1_0 drop column g2',
    'alter table load_1_0 rename column b to "sluice~passing~0"',
    'alter table load_1_0 rename column a to "sluice~passing~1"',
    'alter table load_1_0 rename column "sluice~passing~0" to a',
    'alter table load_1_0 rename column "sluice~passing~1" to a_1',
    'alter table load_1_0 alter column g type geometry using st_setsrid(g, 910001)',
    'alter table load_1_0 rename column g to geom',
    'alter table load_1_0 rename column "sluice~key" to sluice_fid',
  ]);
});

test('appendSql names columns, goes on counting and transforms when needed', () => {
  const all = { table: 'load_1_0', columns: [{ name: 'größe', type: 'integer' }], srid: 4326 };
  expect(appendSql(all, { table: 'load_1_1', srid: 27700 }, 10, 'geom')).toEqual([
    'insert into load_1_0 ("größe", geom, sluice_fid) select "größe", st_transform(geom, 4326), sluice_fid + 10 from load_1_1 order by sluice_fid',
    'drop table load_1_1',
  ]);
});

test('columnsDifference says what differs, and the order of columns does not', () => {
  const a = [
    { name: 'a', type: 'integer' },
    { name: 'b', type: 'text' },
  ];
  expect(columnsDifference(a, [...a].reverse())).toBeUndefined();
  expect(
    columnsDifference(a, [
      { name: 'a', type: 'bigint' },
      { name: 'B', type: 'text' },
    ]),
  ).toBe('"b" is missing in it; "B" is in it only; "a" is bigint in it, but integer in the other');
});

test('parts of a dataset are found in any case, and missing ones are told', () => {
  const shapefile = vectorFormat('Shapefile');
  expect(
    partsOf(
      shapefile,
      'b/Röads.v2.SHP',
      ['b/Röads.v2.DBF', 'b/Röads.v2.shx', 'b/Röads.v2.Prj', 'b/Röads.dbf', 'b/Röads.v2.shp.xml', 'b/Röads.v2.SHP'],
      'f',
    ).map((part) => part.extension),
  ).toEqual(['.shp', '.dbf', '.prj', '.shx']);
  expect(() => partsOf(shapefile, 'a.shp', ['a.shx'], 's3://x/a.shp')).toThrow('s3://x/a.shp lacks .dbf');
  expect(stemOf('.hidden')).toBe('.hidden');
  expect(stemOf('a.b/c')).toBe('a.b/c');
});

test('an archive with several datasets needs a layer', () => {
  const names = ['x/a.shp', 'x/b.shp', '__MACOSX/x/._a.shp', 'x/._b.shp', 'readme.txt'];
  expect(datasetInArchive(vectorFormat('SHP'), names, 'b', 'f')).toBe('x/b.shp');
  expect(() => datasetInArchive(vectorFormat('SHP'), names, undefined, 'f')).toThrow(
    'f holds 2 datasets: x/a.shp, x/b.shp. Name one with `layer` in the manifest.',
  );
  expect(() => datasetInArchive(vectorFormat('SHP'), ['inner.zip'], undefined, 'f')).toThrow(
    'f holds no .shp file; it holds inner.zip.',
  );
});

test('formats are found by many names, and twins by extension', () => {
  for (const [name, path, found] of [
    ['esri shapefile', 'a.shp', 'ESRI Shapefile'],
    ['MapInfo File', 'a.MIF', 'MIF'],
    ['KML', 'a.kmz', 'KMZ'],
    ['kmz', 'a.kml', 'KML'],
    ['geo-package', 'a', 'GPKG'],
  ] as const)
    expect(vectorFormat(name, path).name).toBe(found);
  expect(() => vectorFormat('VRT')).toThrow('Sluice does not read the vector format "VRT"');
});

test('parseLayers: names may look like anything', () => {
  const layers = parseLayers(
    'INFO: Open of `x\'\n\nLayer name: Geometry: Point\nGeometry: 3D Multi Polygon\nLayer SRS WKT:\n(unknown)\nFID Column = fid\na: b: Integer (0.0)\nFeature Count: Integer64 (10.0) NOT NULL DEFAULT 1\n\nLayer name: t\nGeometry: None\nFeature Count: 3\nLayer SRS WKT:\nGEOGCRS["a",\n    ID["EPSG",1]]\nData axis to CRS axis mapping: 2,1\nlist: StringList (0.0)\n',
  );
  expect(layers).toEqual([
    {
      name: 'Geometry: Point',
      geometryType: '3D Multi Polygon',
      fields: [
        { name: 'a: b', type: 'Integer' },
        { name: 'Feature Count', type: 'Integer64' },
      ],
    },
    {
      name: 't',
      geometryType: 'None',
      featureCount: 3,
      wkt: 'GEOGCRS["a",\n    ID["EPSG",1]]',
      fields: [{ name: 'list', type: 'StringList' }],
    },
  ]);
});

test('what GDAL says is a note, or an error when something may be lost', () => {
  expect(
    notesOfMessages(
      "Warning 1: Field 'name' already exists. Renaming it as 'name2'\nWarning 1: Value '12345678901' of field a.b parsed incompletely to integer 2147483647.\n",
      'f',
    ),
  ).toEqual([
    {
      code: 'VALUES_CHANGED',
      file: 'f',
      message: "Value '12345678901' of field a.b parsed incompletely to integer 2147483647.",
    },
  ]);
  expect(() => notesOfMessages('ERROR 1: Corrupted .shp file : shape 5, nPoints=7', 'f')).toThrow(
    'f is damaged; GDAL says: Corrupted .shp file : shape 5, nPoints=7',
  );
  expect(() =>
    notesOfMessages("Warning 1: One or several characters couldn't be converted correctly from X to UTF-8.", 'f'),
  ).toThrow(expect.objectContaining({ code: 'ENCODING_INVALID' }) as Error);
});

test('a value that PostgreSQL refuses is told by row and column', () => {
  const error = new SluiceError('FILE_UNREADABLE', 'GDAL says: …', {
    details: {
      messages: [
        'COPY statement failed. ERROR: date/time field value out of range: "2024/13/45" HINT: Perhaps … CONTEXT: COPY load_1_0, line 2, column von bis: "2024/13/45"',
      ],
    },
  });
  expect(explainLoadFailure(error, 'f')).toMatchObject({
    code: 'FILE_UNREADABLE',
    message:
      'Row 2 of f, column "von bis": date/time field value out of range: "2024/13/45". Correct the value, or leave it empty.',
    details: { file: 'f', row: 2, column: 'von bis' },
  });
  expect(explainLoadFailure(new SluiceError('DATABASE_UNAVAILABLE', 'x'), 'f').code).toBe('DATABASE_UNAVAILABLE');
});

test('a limit that GDAL came to names the file and what to raise, and advice to programmers is left out', () => {
  const limit = explainLoadFailure(new SluiceError('FILE_TOO_LARGE', 'GDAL says: std::bad_alloc.'), 'größe.gml');
  expect(limit).toMatchObject({
    code: 'FILE_TOO_LARGE',
    message:
      'größe.gml needs more memory or disk than one GDAL program may use (GDAL_MEMORY_BYTES, MAX_FILE_BYTES): GDAL says: std::bad_alloc. Split it, or raise the limit.',
    details: { file: 'größe.gml' },
  });
  expect(explainLoadFailure(limit, 'other')).toBe(limit);
  expect(
    messagesOf(
      'ERROR 1: Geometry of feature 0 cannot be parsed. You may set the GML_SKIP_CORRUPTED_FEATURES configuration option to YES to skip to the next feature\n',
    ),
  ).toEqual(['Geometry of feature 0 cannot be parsed.']);
});

test('plainDbfFields reads names, and leaves odd tables to GDAL', () => {
  const dbf = (...names: Buffer[]) =>
    Buffer.concat([
      Buffer.alloc(32),
      ...names.map((name) => Buffer.concat([name, Buffer.alloc(32 - name.length)])),
      Buffer.from([0x0d]),
    ]);
  expect(plainDbfFields(dbf(Buffer.from('NAME'), Buffer.from('ELEVENCHARS')))?.map((field) => field.name)).toEqual([
    'NAME',
    'ELEVENCHARS',
  ]);
  for (const odd of [
    dbf(Buffer.from('größe', 'latin1')),
    dbf(Buffer.from('a'), Buffer.from('A')),
    dbf(),
    Buffer.alloc(40),
    Buffer.alloc(0),
  ])
    expect(plainDbfFields(odd)).toBeUndefined();
});
