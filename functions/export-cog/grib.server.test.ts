import { readFile } from 'node:fs/promises';
import { execa } from 'execa';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type RasterFixture, openRasterFixture, rasterFile } from '../../tests/fixtures/raster.ts';

/** GRIB files: values, descriptions and notes. */

let landing: RasterFixture;
beforeAll(async () => {
  landing = await openRasterFixture();
});
afterAll(() => landing[Symbol.asyncDispose]());

const KELVIN = rasterFile('grib-kelvin.grib2');
/** Values of the first band, as the file holds them. */
const values = async (path: string) =>
  (
    await execa('gdal_translate', ['-q', '-of', 'XYZ', path, '/vsistdout/'], {
      env: { GDAL_PAM_ENABLED: 'NO', GRIB_NORMALIZE_UNITS: 'NO' },
    })
  ).stdout;

test('keeps values and units, and describes element, level and time', async () => {
  const { asset, path } = await landing.ingest({ path: await landing.upload(KELVIN), format: 'GRIB' });
  expect(asset).toMatchObject({
    data_time: { start: '1970-01-01T00:00:00.000Z', end: '1970-01-01T00:00:00.000Z', source: 'GRIB_VALID_TIME' },
    raster: {
      bands: [
        {
          unit: 'K',
          description: 'Temperature, 0[-] SFC="Ground or water surface", 1970-01-01T00:00:00Z',
          time: '1970-01-01T00:00:00.000Z',
          statistics: { minimum: 280, maximum: 300.5 },
        },
      ],
    },
    quality: { notes: [] },
  });
  expect(await values(path)).toBe(await values(KELVIN));
  expect((await execa('gdalinfo', [path])).stdout).toContain('GRIB_UNIT=[K]');
  const warped = await landing.ingest(
    { path: await landing.upload(KELVIN), format: 'GRIB' },
    { target_crs: 'EPSG:3857' },
    'merkator',
  );
  expect(warped.asset.raster?.bands[0]).toMatchObject({
    unit: 'K',
    time: '1970-01-01T00:00:00.000Z',
    statistics: { minimum: 280 },
  });
});

test.each(['JPEG2000', 'PNG', 'COMPLEX_PACKING', 'IEEE_FLOATING_POINT'])(
  'reads values in the packing %s',
  async (packing) => {
    const made = await landing.make(`${packing}.grib2`, KELVIN, '-of', 'GRIB', '-co', `DATA_ENCODING=${packing}`);
    const { asset, path } = await landing.ingest({ path: await landing.upload(made), format: 'GRIB' }, {}, packing);
    expect(await values(path)).toBe(await values(made));
    expect(asset.quality.notes).toEqual([]);
  },
);

test('reads a file with bytes after its last message, with a note', async () => {
  const path = await landing.put('rest.grib', Buffer.concat([await readFile(KELVIN), Buffer.alloc(60)]));
  const { asset } = await landing.ingest({ path, format: 'GRIB' }, {}, 'rest');
  expect(asset.quality.notes).toEqual([
    { code: 'GDAL_WARNING', file: path, message: expect.stringContaining('Ran out of file') as string },
  ]);
});

test('notes that the rows of a Gaussian grid are placed at equal distances', async () => {
  const message = await readFile(KELVIN);
  let grid = 16; // The bytes of section 0.
  while (message[grid + 4] !== 3) grid += message.readUInt32BE(grid);
  expect(message.readUInt16BE(grid + 12)).toBe(0); // Template 3.40 has the fields of 3.0.
  message.writeUInt16BE(40, grid + 12);
  const path = await landing.put('gauß.grib2', message);
  const { asset } = await landing.ingest({ path, format: 'GRIB' }, {}, 'gauss');
  expect(asset.quality.notes).toEqual([
    { code: 'GRID_APPROXIMATED', file: path, message: expect.stringContaining('has a Gaussian grid') as string },
  ]);
});

test('notes a constant field with a decimal scale, which GDAL and ecCodes read differently', async () => {
  const path = await landing.put('konstant.grib2', constantField(await readFile(KELVIN), 255, 1));
  const { asset } = await landing.ingest({ path, format: 'GRIB' }, {}, 'konstant');
  expect(asset.raster?.bands[0]?.statistics).toMatchObject({ minimum: 25.5, maximum: 25.5 });
  expect(asset.quality.notes).toEqual([
    {
      code: 'CONSTANT_FIELD_AMBIGUOUS',
      file: path,
      message: expect.stringMatching(
        /The asset has 25\.5, as GDAL reads it\. ecCodes reads and writes 255 for/,
      ) as string,
    },
  ]);
  const plain = await landing.put('konstant-0.grib2', constantField(await readFile(KELVIN), 255, 0));
  expect((await landing.ingest({ path: plain, format: 'GRIB' }, {}, 'konstant-0')).asset.quality.notes).toEqual([]);
});

test('rejects fields on different grids, and a file that ends in a message', async () => {
  const message = await readFile(KELVIN);
  const moved = await readFile(
    await landing.make('weiter.grib2', KELVIN, '-of', 'GRIB', '-a_ullr', '11', '50', '31', '40'),
  );
  const grids = await landing.put('gitter.grib2', Buffer.concat([message, message, moved]));
  await expect(landing.ingest({ path: grids, format: 'GRIB' })).rejects.toMatchObject({
    code: 'FILE_UNREADABLE',
    message: expect.stringContaining('the grid of field 3 is not that of field 1') as string,
  });
  const cut = await landing.put('halb.grib2', Buffer.concat([message, message.subarray(0, 500)]));
  await expect(landing.ingest({ path: cut, format: 'GRIB' })).rejects.toMatchObject({ code: 'FILE_UNREADABLE' });
  const both = await landing.put('beide.grib2', Buffer.concat([message, message]));
  expect((await landing.ingest({ path: both, format: 'GRIB' }, {}, 'beide')).asset.raster?.bands).toHaveLength(2);
});

/** A message of GRIB 2 in simple packing, in which each point has the reference value, without values in section 7. */
function constantField(message: Buffer, reference: number, decimalScale: number): Buffer {
  const sections: Buffer[] = [message.subarray(0, 16)];
  for (let at = 16; at < message.length - 4; at += message.readUInt32BE(at)) {
    const section = message.subarray(at, at + message.readUInt32BE(at));
    if (section[4] === 5) {
      const packing = Buffer.alloc(21);
      packing.writeUInt32BE(packing.length);
      section.copy(packing, 4, 4, 9); // The number of the section, and that of the points.
      packing.writeFloatBE(reference, 11);
      packing.writeUInt16BE(decimalScale, 17);
      sections.push(packing);
    } else sections.push(section[4] === 7 ? Buffer.from([0, 0, 0, 5, 7]) : section);
  }
  const bytes = Buffer.concat([...sections, Buffer.from('7777')]);
  bytes.writeBigUInt64BE(BigInt(bytes.length), 8);
  return bytes;
}
