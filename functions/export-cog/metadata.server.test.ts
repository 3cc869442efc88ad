import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runRequested } from '#shared/events/run-events.ts';
import type { Gdal } from '#shared/gdal/gdal.ts';
import { type RasterFixture, openRasterFixture, rasterFile } from '../../tests/fixtures/raster.ts';
import { handler } from './handler.ts';

/** Metadata of pixels, and values that GDAL replaces, are in the asset, or a note names them. */

let landing: RasterFixture;
beforeAll(async () => {
  landing = await openRasterFixture();
});
afterAll(() => landing[Symbol.asyncDispose]());

const DEM = rasterFile('olinda_dem_utm25s.tif');
const LANDSAT = rasterFile('landsat.tif');

/** Checksum of each band, as GDAL computes it. */
async function checksums(path: string): Promise<number[]> {
  const { stdout } = await execa('gdalinfo', ['-checksum', path], { env: { GDAL_PAM_ENABLED: 'NO' } });
  return [...stdout.matchAll(/Checksum=(\d+)/g)].map((match) => Number(match[1]));
}

/** A netCDF file of two rows of Float32 values, with metadata of its variable. */
async function netcdf(name: string, values: string, metadata: Record<string, string>, ...args: string[]) {
  const grid = landing.folder;
  const size = `ncols ${values.split(' ').length / 2}\nnrows 2`;
  await writeFile(`${grid}/zeile.asc`, `${size}\nxllcorner 5\nyllcorner 50\ncellsize 0.1\n${values}\n`);
  const float = ['--config', 'AAIGRID_DATATYPE', 'Float32', '-a_srs', 'EPSG:4326'];
  const vrt = await landing.make(`${name}.vrt`, `${grid}/zeile.asc`, '-of', 'VRT', ...float);
  const items = Object.entries(metadata).map(([key, value]) => `<MDI key="${key}">${value}</MDI>`);
  const text = await readFile(vrt, 'utf8');
  await writeFile(
    vrt,
    text.replace(/<VRTRasterBand [^>]*>/, (band) => `${band}<Metadata>${items.join('')}</Metadata>`),
  );
  return landing.make(name, vrt, '-of', 'netCDF', ...args, ...float);
}

describe('values of netCDF that GDAL replaces', () => {
  test('notes a value outside of the valid range by less than a thousandth', async () => {
    const path = await landing.upload(
      await netcdf(
        'knapp.nc',
        '0.5 100.0004 0.5 100.0004',
        { valid_min: '0.0', valid_max: '100.0' },
        '-a_nodata',
        '-1',
      ),
    );
    const { asset } = await landing.ingest({ path, format: 'netCDF' }, {}, 'knapp');
    expect(asset.quality.notes).toMatchObject([{ code: 'VALUES_OUTSIDE_VALID_RANGE' }]);
    expect(asset.raster?.bands[0]?.statistics).toMatchObject({ maximum: 0.5, valid_percent: 50 });
  });

  test.each([
    ['valid_min', '0.0', 'from 0'],
    ['valid_max', '2.0', 'up to 2'],
  ])('notes values beyond %s, which GDAL does not use without the other limit', async (limit, value, range) => {
    const values = limit === 'valid_min' ? '-5 1 2 -9' : '1 2 3 -9';
    const made = await netcdf(`${limit}.nc`, values, { [limit]: value }, '-a_nodata', '-9');
    const { asset } = await landing.ingest({ path: await landing.upload(made), format: 'netCDF' }, {}, limit);
    expect(asset.quality.notes).toMatchObject([
      {
        code: 'VALUES_OUTSIDE_VALID_RANGE',
        message: expect.stringContaining(`valid range, ${range}, were kept, because GDAL`) as string,
      },
    ]);
    expect(asset.raster?.bands[0]?.statistics).toMatchObject({ valid_percent: 75 });
  });

  test.each(['NC', 'NC4C'])('counts NaN, which become nodata, in the format %s', async (format) => {
    const made = await netcdf(
      `nan ${format}.nc`,
      '1.5 nan -9999 nan',
      {},
      '-a_nodata',
      '-9999',
      '-co',
      `FORMAT=${format}`,
    );
    const path = await landing.upload(made);
    const { asset } = await landing.ingest({ path, format: 'netCDF' }, {}, format);
    expect(asset.raster?.bands[0]).toMatchObject({ nodata: -9999, statistics: { minimum: 1.5, valid_percent: 25 } });
    expect(asset.quality.notes).toEqual([
      {
        code: 'NAN_REPLACED',
        file: path,
        message: `2 NaN of ${path} became the nodata value -9999, because GDAL reads NaN of netCDF as missing values.`,
      },
    ]);
    const without = await landing.upload(await netcdf('ohne.nc', '1 -9999 1 1', {}, '-a_nodata', '-9999'));
    expect(
      (await landing.ingest({ path: without, format: 'netCDF' }, {}, `ohne${format}`)).asset.quality.notes,
    ).toEqual([]);
  });
});

test('stops a copy that counts NaN when it is larger than MAX_FILE_BYTES', async () => {
  const path = await landing.upload(await netcdf('viele.nc', '1.5 nan -9999 nan', {}, '-a_nodata', '-9999'));
  const run = await landing.admit({ path, format: 'netCDF' }, {}, 'viele');
  let copy = '';
  // Simulates compressed variables: the copy is too large, and ends only when it is stopped.
  const gdal: Gdal = {
    run: async (command, options) => {
      if (command.command !== 'gdalmdimtranslate') return landing.context.gdal.run(command, options);
      copy = command.output ?? '';
      await mkdir(`${copy}/Band1`, { recursive: true });
      await writeFile(`${copy}/Band1/0.0`, '');
      await truncate(`${copy}/Band1/0.0`, landing.context.env.MAX_FILE_BYTES + 1);
      await once(options.signal, 'abort');
      throw options.signal.reason as Error;
    },
  };
  await handler(runRequested(run), { ...landing.context, gdal });
  const [asset] = await landing.context.ledger.listAssets({ dataset_id: 'viele' });
  const message = `NaN, if it has any, of ${path} became the nodata value -9999, because GDAL reads NaN of netCDF as missing values.`;
  expect(asset?.quality.notes).toEqual([{ code: 'NAN_REPLACED', file: path, message }]);
  expect(asset?.raster?.bands[0]?.statistics).toMatchObject({ minimum: 1.5, valid_percent: 25 });
  expect(copy).not.toBe('');
  expect(existsSync(copy)).toBe(false);
});

describe('files attached to a raster', () => {
  const TABLE =
    '<GDALRasterAttributeTable tableType="thematic">' +
    '<FieldDefn index="0"><Name>Value</Name><Type>0</Type><Usage>5</Usage></FieldDefn>' +
    '<FieldDefn index="1"><Name>Größe</Name><Type>1</Type><Usage>0</Usage></FieldDefn>' +
    '<Row index="0"><F>11</F><F>0.25</F></Row><Row index="1"><F>12</F><F>-1e300</F></Row>' +
    '</GDALRasterAttributeTable>';
  const metadata = (band: string) => `<PAMDataset><PAMRasterBand band="1">${band}</PAMRasterBand></PAMDataset>`;
  const attributeTable = {
    columns: [
      { name: 'Value', type: 'integer', usage: 'MinMax' },
      { name: 'Größe', type: 'real', usage: 'Generic' },
    ],
    rows: [
      [11, 0.25],
      [12, -1e300],
    ],
  };

  test('an .aux.xml describes values, classes and their table', async () => {
    const path = await landing.upload(DEM, 'beschrieben/Höhe.TIF');
    const described =
      '<NoDataValue>-5</NoDataValue><UnitType>m</UnitType><Offset>1</Offset><Scale>0.5</Scale>' +
      `<CategoryNames><Category>keine</Category><Category>Wald</Category></CategoryNames>${TABLE}`;
    await landing.put('beschrieben/Höhe.TIF.AUX.xml', metadata(described));
    const { asset, path: cog } = await landing.ingest({ path, format: 'GTiff' });
    expect(asset.raster?.bands).toMatchObject([
      {
        ...{ nodata: -5, unit: 'm', offset: 1, scale: 0.5 },
        category_names: ['keine', 'Wald'],
        attribute_table: attributeTable,
      },
    ]);
    expect(asset.quality.notes).toMatchObject([
      {
        code: 'ATTRIBUTE_TABLE_MOVED',
        message: expect.stringContaining(
          `Band 1 of ${path} has names of 2 classes, and an attribute table of 2 rows and 2 columns.`,
        ) as string,
      },
    ]);
    expect(await checksums(cog)).toEqual(await checksums(DEM));
  });

  test('an .aux.xml describes an ASCII grid that is read in a wider type', async () => {
    const grid = 'ncols 2\nnrows 1\nxllcorner 5\nyllcorner 50\ncellsize 0.1\n1 5000000001\n';
    const path = await landing.put('beschrieben/Höhe.asc', grid);
    const described = '<UnitType>m</UnitType><Offset>-1</Offset><Scale>0.5</Scale>';
    await landing.put('beschrieben/Höhe.asc.aux.xml', metadata(described + TABLE));
    const { asset } = await landing.ingest({ path, format: 'AAIGrid', crs: 'EPSG:4326' }, {}, 'beschriebenes-gitter');
    expect(asset.raster?.bands).toMatchObject([
      {
        ...{ data_type: 'Float64', unit: 'm', offset: -1, scale: 0.5, attribute_table: attributeTable },
        statistics: { minimum: 1, maximum: 5_000_000_001 },
      },
    ]);
  });

  test('notes the nodata value in the .aux.xml of an ASCII grid, which GDAL does not use', async () => {
    for (const [header, used] of [
      ['', 'no nodata value'],
      ['NODATA_value 7\n', 'the nodata value 7'],
    ]) {
      const grid = `ncols 2\nnrows 1\nxllcorner 5\nyllcorner 50\ncellsize 0.1\n${header}1 -5\n`;
      const path = await landing.put('ohne wert/Höhe.asc', grid);
      await landing.put('ohne wert/Höhe.asc.aux.xml', metadata('<NoDataValue le_hex_equiv="x">-5</NoDataValue>'));
      const { asset } = await landing.ingest(
        { path, format: 'AAIGrid', crs: 'EPSG:4326' },
        {},
        `wert${header?.length}`,
      );
      expect(asset.quality.notes).toMatchObject([
        { code: 'NODATA_NOT_USED', message: expect.stringContaining(`-5 of band 1, which`) as string },
      ]);
      expect(asset.quality.notes[0]?.message).toContain(`The asset has ${used}.`);
      const { asset: corrected } = await landing.ingest({ path, format: 'AAIGrid', crs: 'EPSG:4326' }, { nodata: -5 });
      expect(corrected.raster?.bands).toMatchObject([{ nodata: -5 }]);
      expect(corrected.quality.notes).toEqual([]);
    }
    const path = await landing.put(
      'mit wert/Höhe.asc',
      'ncols 2\nnrows 1\nxllcorner 5\nyllcorner 50\ncellsize 0.1\nNODATA_value -5\n1 -5\n',
    );
    await landing.put('mit wert/Höhe.asc.aux.xml', metadata('<NoDataValue>-5.0</NoDataValue>'));
    const { asset } = await landing.ingest({ path, format: 'AAIGrid', crs: 'EPSG:4326' }, {}, 'mit-wert');
    expect(asset.quality.notes).toEqual([]);
  });

  test.each([
    ['exact', '-9223372036854775808', []],
    ['decimal', '-922337203685477.000', []],
    ['rounded', '-9.2233720368547e+18', ['value -9.2233720368547e+18 (tag', 'The asset has the nodata value -9.']],
  ])('notes the %s nodata value %s of 64-bit integers unless GDAL reads it', async (name, text, expected) => {
    const written = '-9223372036854775808';
    const bytes = await readFile(
      await landing.make('ganz.tif', LANDSAT, '-b', '1', '-ot', 'Int64', '-a_nodata', written),
    );
    bytes.write(text, bytes.indexOf(written), 'latin1');
    const { asset } = await landing.ingest({ path: await landing.put('ganz.tif', bytes), format: 'GTiff' }, {}, name);
    const notes = asset.quality.notes.filter(({ code }) => code === 'NODATA_NOT_USED');
    expect(notes).toHaveLength(expected.length === 0 ? 0 : 1);
    for (const part of expected) expect(notes[0]?.message).toContain(part);
  });

  test('HFA has the table in the file', async () => {
    const source = await landing.make('klassen.tif', LANDSAT, '-b', '1');
    await writeFile(`${source}.aux.xml`, metadata(TABLE));
    const made = await landing.make('klassen.img', source, '-of', 'HFA');
    await rm(`${made}.aux.xml`, { force: true });
    const { asset } = await landing.ingest({ path: await landing.upload(made), format: 'HFA' });
    const [band] = asset.raster?.bands ?? [];
    expect(band?.attribute_table?.columns.map(({ name }) => name)).toContain('Größe');
    expect(band?.attribute_table?.rows[1]).toEqual(expect.arrayContaining([12, -1e300]));
    expect(asset.quality.notes.map(({ code }) => code)).toEqual(['ATTRIBUTE_TABLE_MOVED']);
  });

  test('notes domains of metadata that GDAL does not copy', async () => {
    const path = await landing.upload(await landing.make('domänen.tif', LANDSAT, '-b', '1'));
    const domain = (name: string) => `<Metadata domain="${name}"><MDI key="a">b</MDI></Metadata>`;
    const band = `<PAMRasterBand band="1">${domain('Kanal')}</PAMRasterBand>`;
    await landing.put('domänen.tif.aux.xml', Buffer.from(`<PAMDataset>${domain('Sensor é')}${band}</PAMDataset>`));
    const { asset } = await landing.ingest({ path, format: 'GTiff' }, {}, 'domains');
    expect(asset.quality.notes.map(({ code }) => code)).toEqual(['METADATA_DROPPED']);
    expect(asset.quality.notes[0]?.message).toContain('in the domains "Sensor é", "Kanal", which');
  });

  test('a mask hides pixels, including those of a PNG', async () => {
    for (const [format, extension] of [
      ['GTiff', 'tif'],
      ['PNG', 'png'],
    ] as const) {
      const args = ['-of', format, '-b', '1', ...(format === 'PNG' ? ['-co', 'WORLDFILE=YES'] : [])];
      const plain = await landing.make(`maske.${extension}`, LANDSAT, ...args);
      const path = await landing.upload(plain, `${extension}/maske.${extension}`);
      await landing.put(`${extension}/maske.${extension}.msk`, await readFile(await shownHalf()));
      const { asset, path: cog } = await landing.ingest({ path, format, crs: 'EPSG:31985' }, {}, extension);
      expect(asset.raster?.bands[0]?.statistics?.valid_percent).toBe(50);
      const { stdout } = await execa('gdalinfo', [cog]);
      expect(stdout).toContain('Mask Flags: PER_DATASET');
    }
  });

  /** A mask of the size of LANDSAT that shows its left half. */
  async function shownHalf(): Promise<string> {
    const header = Buffer.from('P5 160 200 255\n');
    const rows = Array.from({ length: 200 }, () => [...Buffer.alloc(80, 255), ...Buffer.alloc(80)]);
    const pgm = `${landing.folder}/halb.pgm`;
    await writeFile(pgm, Buffer.concat([header, Buffer.from(rows.flat())]));
    const mask = await landing.make('halb.tif', pgm, '-mo', 'INTERNAL_MASK_FLAGS_1=2');
    return mask;
  }
});
