import { readFile, writeFile } from 'node:fs/promises';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type RasterFixture, openRasterFixture, rasterFile } from '../../tests/fixtures/raster.ts';

/** Every raster format, with files that other programs wrote. The pixels of the asset are those of the file. */

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

describe('georeferenced formats', () => {
  test.each([
    ['GeoTIFF', 'a.tif', LANDSAT, []],
    ['TIFF', 'BIG.TIFF', LANDSAT, ['-of', 'GTiff', '-co', 'BIGTIFF=YES', '-co', 'ENDIANNESS=BIG']],
    ['JPEG2000', 'a.jp2', LANDSAT, ['-of', 'JP2OpenJPEG', '-co', 'REVERSIBLE=YES', '-co', 'QUALITY=100']],
    ['GRIB', 'a.grb2', DEM, ['-of', 'GRIB', '-a_srs', 'EPSG:4326', '-a_ullr', '-35', '-7', '-34', '-8']],
    ['HFA', 'a.img', LANDSAT, ['-of', 'HFA']],
    ['netCDF', 'a b.nc', DEM, ['-of', 'netCDF', '-a_srs', 'EPSG:31985']],
    ['ESRI ASCII grid', 'Höhe é.asc', DEM, ['-of', 'AAIGrid', '-a_srs', 'EPSG:31985']],
    ['ESRI float grid', 'a.flt', DEM, ['-of', 'EHdr', '-a_srs', 'EPSG:31985']],
  ])('%s', async (format, name, source, args) => {
    const made = await landing.make(name, source, ...args);
    const { asset, path, cog } = await landing.ingest({
      path: await landing.upload(made, `Ordner #1/${name}`),
      format,
    });
    expect(await checksums(path)).toEqual(await checksums(made));
    expect((await cog.getImage()).getTileWidth()).toBe(512);
    expect(asset.raster?.bands.length).toBe(source === DEM ? 1 : 3);
    expect(asset.bbox?.every((degrees) => Math.abs(degrees) < 36)).toBe(true);
    expect(asset.quality.notes).toEqual([]);
  });

  test.each([
    ['AAIGrid', 'grad.asc'],
    ['EHdr', 'grad.flt'],
  ])("%s with Esri's .prj of longitude and latitude", async (format, name) => {
    const made = await landing.make(name, DEM, '-of', format, '-a_ullr', '5.7', '50.2', '6.6', '49.3');
    await writeFile(
      made.replace(/\w+$/, 'prj'),
      'GEOGCS["GCS_WGS_1984",DATUM["D_WGS_1984",SPHEROID["WGS_1984",6378137.0,298.257223563]],PRIMEM["Greenwich",0.0],UNIT["Degree",0.0174532925199433]]',
    );
    const { asset, cog } = await landing.ingest({ path: await landing.upload(made), format });
    expect(asset).toMatchObject({
      crs: 'EPSG:4326',
      native_bbox: [5.7, 49.3, 6.6, 50.2].map((side) => expect.closeTo(side, 9) as number),
      quality: { notes: [] },
    });
    expect((await cog.getImage()).getGeoKeys()).toMatchObject({ GeographicTypeGeoKey: 4326 });
  });

  test('an ASCII grid whose values need another type than the one that GDAL chooses', async () => {
    const grid = (...values: string[]) =>
      `ncols 2\nnrows 1\nxllcorner 5\nyllcorner 50\ncellsize 0.1\n${values.join(' ')}\n`;
    const path = await landing.put('groß.asc', grid('1', '5000000001'));
    const { asset } = await landing.ingest({ path, format: 'AAIGrid', crs: 'EPSG:4326' }, {}, 'asc');
    expect(asset.raster?.bands[0]).toMatchObject({
      data_type: 'Float64',
      statistics: { minimum: 1, maximum: 5_000_000_001 },
    });
    const word = await landing.put('wort.asc', grid('1', 'x'));
    await expect(landing.ingest({ path: word, format: 'AAIGrid', crs: 'EPSG:4326' })).rejects.toMatchObject({
      code: 'FILE_UNREADABLE',
      message: `${word} contains "x" where a number must be.`,
    });
  });

  test('reads an archive with a raster and its side files in a folder', async () => {
    await landing.make('grid.asc', DEM, '-of', 'AAIGrid', '-a_srs', 'EPSG:31985');
    const zip = await landing.zip('grid é.zip', `${landing.folder}/grid.asc`, `${landing.folder}/grid.prj`, DEM);
    const { asset } = await landing.ingest({ path: await landing.upload(zip), format: 'AAIGrid' });
    expect(asset).toMatchObject({ crs: 'EPSG:31985', raster: { width: 111 } });
  });

  test('rejects a float grid without its header', async () => {
    const path = await landing.put('alone.flt', Buffer.alloc(400));
    await expect(landing.ingest({ path, format: 'FLT' })).rejects.toMatchObject({
      code: 'FILE_INCOMPLETE',
      details: { missing: ['.hdr'] },
    });
  });
});

describe('pictures', () => {
  test.each([
    ['PNG', 'png', 'pgw'],
    ['JPEG', 'jpg', 'jgw'],
    ['PNG', 'png', 'wld'],
    ['GTiff', 'tif', 'tfw'],
  ])('%s with a .%s and a .%s file', async (format, extension, world) => {
    const name = `Bild ${world}.${extension}`;
    const made = await landing.make(
      name,
      LANDSAT,
      '-of',
      format,
      ...(format === 'GTiff' ? ['-co', 'PROFILE=BASELINE'] : []),
    );
    const key = `pictures/${name}`;
    await landing.put(key.replace(`.${extension}`, `.${world}`), '28.5\n0\n0\n-28.5\n290500.5\n9119036.5\n');
    const path = await landing.put(key, await readFile(made));
    await expect(landing.ingest({ path, format })).rejects.toMatchObject({
      code: 'CRS_MISSING',
      details: { file: path },
    });
    const { asset } = await landing.ingest({ path, format, crs: 'EPSG:31985' });
    expect(asset).toMatchObject({
      crs: 'EPSG:31985',
      native_bbox: [290486.25, 9113350.75, 295046.25, 9119050.75],
      raster: { resolution: [28.5, 28.5] },
      quality: { notes: [] },
    });
  });

  test('reads the CRS of a picture from a .prj file, and notes a different CRS in the manifest', async () => {
    const made = await landing.make('mit prj.png', LANDSAT, '-of', 'PNG', '-co', 'WORLDFILE=YES');
    await writeFile(
      `${landing.folder}/mit prj.prj`,
      'PROJCS["SIRGAS_2000_UTM_Zone_25S",GEOGCS["GCS_SIRGAS_2000",DATUM["D_SIRGAS_2000",SPHEROID["GRS_1980",6378137.0,298.257222101]],PRIMEM["Greenwich",0.0],UNIT["Degree",0.0174532925199433]],PROJECTION["Transverse_Mercator"],PARAMETER["False_Easting",500000.0],PARAMETER["False_Northing",10000000.0],PARAMETER["Central_Meridian",-33.0],PARAMETER["Scale_Factor",0.9996],PARAMETER["Latitude_Of_Origin",0.0],UNIT["Meter",1.0]]',
    );
    const path = await landing.upload(made);
    const { asset, cog } = await landing.ingest({ path, format: 'PNG' });
    expect(asset.crs).toBe('EPSG:31985');
    expect((await cog.getImage()).getGeoKeys()).toMatchObject({ ProjectedCSTypeGeoKey: 31985 });
    expect((await landing.ingest({ path, format: 'PNG', crs: 'EPSG:32725' })).asset).toMatchObject({
      crs: 'EPSG:32725',
      quality: { notes: [{ code: 'CRS_DECLARED_OVERRIDES', file: path }] },
    });
  });

  test('rejects a picture without a georeference, and names the missing world file', async () => {
    const made = await landing.make('nirgends.png', LANDSAT, '-of', 'PNG');
    const path = await landing.put('nirgends/nirgends.png', await readFile(made));
    await expect(landing.ingest({ path, format: 'PNG', crs: 'EPSG:4326' })).rejects.toMatchObject({
      code: 'GEOREFERENCE_MISSING',
      message: expect.stringContaining('nirgends.pgw') as string,
    });
  });
});

describe('GRIB', () => {
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
});

describe('grids with pixels on the poles', () => {
  test.each([
    ['GTiff', 'welt.tif', ['-180.5', '90.5', '179.5', '-90.5'], [-180, -90, 180, 90]],
    ['netCDF', 'welt.nc', ['-0.5', '90.5', '359.5', '-90.5'], [-180, -90, 180, 90]],
    ['GTiff', 'grob.tif', ['-30', '120', '330', '-120'], [-180, -90, 180, 90]],
  ])('%s %s', async (format, name, corners, bbox) => {
    const made = await landing.make(
      name,
      DEM,
      '-of',
      format,
      '-outsize',
      '6',
      '4',
      '-a_srs',
      'EPSG:4326',
      '-a_ullr',
      ...corners,
    );
    const { asset } = await landing.ingest({ path: await landing.upload(made), format }, {}, name);
    expect(asset.bbox).toEqual(bbox);
  });

  test('but not with pixels beyond them', async () => {
    const made = await landing.make(
      'zu weit.tif',
      DEM,
      '-outsize',
      '6',
      '4',
      '-a_srs',
      'EPSG:4326',
      '-a_ullr',
      '0',
      '150',
      '6',
      '90',
    );
    await expect(landing.ingest({ path: await landing.upload(made), format: 'GTiff' })).rejects.toMatchObject({
      code: 'CRS_EXTENT_MISMATCH',
    });
  });
});

describe('bands with fewer bits than their type', () => {
  test.each([
    ['1', 'Byte'],
    ['4', 'Byte'],
    ['12', 'UInt16'],
    ['20', 'UInt32'],
    ['16', 'Float32'],
  ])('%s bits of %s', async (bits, type) => {
    const made = await landing.make(
      `${bits}.tif`,
      LANDSAT,
      '-b',
      '1',
      '-ot',
      type,
      '-scale',
      '0',
      '255',
      '0',
      '1',
      '-co',
      `NBITS=${bits}`,
    );
    const { path } = await landing.ingest({ path: await landing.upload(made), format: 'GTiff' }, {}, `bits${bits}`);
    expect(await checksums(path)).toEqual(await checksums(made));
  });
});

describe('netCDF', () => {
  test('chooses a variable by `layer`, and lists the variables without it', async () => {
    const path = await landing.upload(rasterFile('sub.nc'));
    await expect(landing.ingest({ path, format: 'netCDF' })).rejects.toMatchObject({
      code: 'LAYER_AMBIGUOUS',
      details: { layers: ['u', 'v'] },
    });
    await expect(landing.ingest({ path, format: 'netCDF', layer: 'w' })).rejects.toMatchObject({
      code: 'LAYER_MISSING',
      details: { layers: ['u', 'v'] },
    });
    await expect(landing.ingest({ path, format: 'netCDF', layer: 'v' })).rejects.toMatchObject({
      code: 'CRS_MISSING',
      message: expect.stringContaining('If they are those of WGS 84, set EPSG:4326 as `crs` for the file') as string,
    });
    const { asset } = await landing.ingest({ path, format: 'netCDF', layer: 'v', crs: 'EPSG:4326' });
    expect(asset.sources[0]).toMatchObject({ layer: 'v', crs: 'EPSG:4326' });
    expect(asset.raster).toMatchObject({ width: 9, height: 9, resolution: [0.25, 0.25] });
    expect(asset.raster?.bands).toHaveLength(20);
    expect(asset.raster?.bands[0]).toMatchObject({
      data_type: 'Int16',
      nodata: -32767,
      scale: expect.any(Number) as number,
      offset: expect.any(Number) as number,
      unit: 'm s**-1',
      description: expect.stringMatching(/time=/) as string,
    });
  });

  test.each([
    [
      [],
      { nodata: null, statistics: { minimum: 25, maximum: 255 } },
      'were kept, because the variable has no nodata value (_FillValue).',
    ],
    [
      ['-a_nodata', '0'],
      { nodata: 0, statistics: { minimum: 50, maximum: 100 } },
      'were replaced by the nodata value 0.',
    ],
  ])('notes values outside of the valid range, with the options %j', async (options, band, outcome) => {
    const made = await landing.make('bereich.nc', LANDSAT, '-of', 'netCDF', '-b', '1', ...options);
    // The name is padded to 12 bytes; type and number of the values, which are shorts, have 4 bytes each.
    const bytes = await readFile(made);
    bytes.set([0, 50, 0, 100], bytes.indexOf('valid_range') + 12 + 8);
    await writeFile(made, bytes);
    const path = await landing.upload(made);
    const { asset } = await landing.ingest({ path, format: 'netCDF' }, {}, `range${options.length}`);
    expect(asset.raster?.bands).toMatchObject([band]);
    expect(asset.quality.notes).toMatchObject([
      {
        code: 'VALUES_OUTSIDE_VALID_RANGE',
        message: `Values of ${path} outside of its valid range, 50 to 100, ${outcome}`,
      },
    ]);
  });

  test.each(['transposed', 'transposed-bare'])(
    'rejects a regular grid of (lon, lat) as transposed: %s',
    async (name) => {
      const path = await landing.upload(rasterFile(`${name}.nc`));
      const message = `The grid of ${path} is transposed: its last two dimensions are lon, lat; they must be lat, lon. Change their order (ncpdq -a lat,lon IN.nc OUT.nc) and upload the file again.`;
      await expect(landing.ingest({ path, format: 'NC', crs: 'EPSG:4326' })).rejects.toMatchObject({
        code: 'GEOREFERENCE_MISSING',
        message,
      });
    },
  );

  test('reads the only variable without `layer`, and rejects a curvilinear grid', async () => {
    expect(
      (await landing.ingest({ path: await landing.upload(rasterFile('cams.nc')), format: 'NC', crs: 'OGC:CRS84' }))
        .asset,
    ).toMatchObject({ crs: 'OGC:CRS84', raster: { bands: [{ unit: 'µg/m3', nodata: -999 }] } });
    await expect(
      landing.ingest({ path: await landing.upload(rasterFile('timeseries.nc')), format: 'NC' }),
    ).rejects.toMatchObject({ code: 'GEOREFERENCE_MISSING' });
  });
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
