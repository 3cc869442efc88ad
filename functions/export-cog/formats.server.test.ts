import { readFile, writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { checksums, type RasterFixture, openRasterFixture, rasterFile } from '../../tests/fixtures/raster.ts';

/** Every raster format, with files that other programs wrote. The pixels of the asset are those of the file. */

let landing: RasterFixture;
beforeAll(async () => {
  landing = await openRasterFixture();
});
afterAll(() => landing[Symbol.asyncDispose]());

const DEM = rasterFile('olinda_dem_utm25s.tif');
const LANDSAT = rasterFile('landsat.tif');

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

  test('an ASCII grid whose values need a type other than the one that GDAL chooses', async () => {
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
      message: `${word} contains "x" where a number is expected.`,
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
