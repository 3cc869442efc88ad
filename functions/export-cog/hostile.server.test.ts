import { writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { UNCONFINED } from '#shared/gdal/sandbox/wrappers.ts';
import { createGdal } from '#shared/gdal/runner.ts';
import { type ConnectionCounter, startConnectionCounter } from '../../tests/fixtures/connection-counter.ts';
import { testEnv } from '../../tests/servers.ts';
import { type RasterFixture, openRasterFixture, rasterFile } from '../../tests/fixtures/raster.ts';

/**
 * Rasters that refer to other files or servers, or would fill the disk, are rejected with an error about the file.
 * A local server counts connections, to prove that there is none.
 */

let server: ConnectionCounter;
let url: string;
beforeAll(async () => {
  server = await startConnectionCounter();
  url = server.url;
});
afterAll(() => server[Symbol.asyncDispose]());

/** A TIFF that declares a size, but contains no pixels. Each tag has one value of type 4 (32 bits). */
function tiffWithoutPixels(width: number, height: number): Buffer {
  const tags: [number, number][] = [
    [256, width],
    [257, height],
    [258, 8],
    [259, 1],
    [262, 1],
    [273, 0],
    [277, 1],
    [278, height],
    [279, 0],
  ];
  const bytes = Buffer.alloc(8 + 2 + tags.length * 12 + 4);
  bytes.write('II*\0', 'latin1');
  bytes.writeUInt32LE(8, 4);
  bytes.writeUInt16LE(tags.length, 8);
  tags.forEach(([tag, value], index) => {
    const at = 10 + index * 12;
    bytes.writeUInt16LE(tag, at);
    bytes.writeUInt16LE(4, at + 2);
    bytes.writeUInt32LE(1, at + 4);
    bytes.writeUInt32LE(value, at + 8);
  });
  return bytes;
}

describe.each([
  ['in a sandbox', undefined],
  ['without bwrap, unshare, prlimit and setpriv', UNCONFINED],
])('%s', (_name, confinement) => {
  let landing: RasterFixture;
  beforeAll(async () => {
    landing = await openRasterFixture(confinement ? { gdal: createGdal(testEnv(), { confinement }) } : {});
  });
  afterAll(() => landing[Symbol.asyncDispose]());

  const vrt = (source = '/etc/passwd') =>
    `<VRTDataset rasterXSize="20" rasterYSize="20"><VRTRasterBand dataType="Byte" band="1" subClass="VRTRawRasterBand"><SourceFilename relativeToVRT="0">${source}</SourceFilename></VRTRasterBand></VRTDataset>`;
  const wms = () =>
    `<GDAL_WMS><Service name="TMS"><ServerUrl>${url}/\${z}/\${x}/\${y}.png</ServerUrl></Service><DataWindow><UpperLeftX>-20037508.34</UpperLeftX></DataWindow></GDAL_WMS>`;
  const cases: [string, string, () => string | Buffer, string][] = [
    ['a VRT', 'VRT', vrt, 'FILE_FORBIDDEN_CONTENT'],
    ['a VRT renamed .tif', 'GTiff', vrt, 'FILE_FORBIDDEN_CONTENT'],
    [
      'a VRT after a declaration and a comment',
      'GTiff',
      () => `<?xml version="1.0"?>\n<!-- é -->\n${vrt()}`,
      'FILE_FORBIDDEN_CONTENT',
    ],
    ['a VRT in UTF-16', 'PNG', () => Buffer.from(`\ufeff${vrt()}`, 'utf16le'), 'FILE_FORBIDDEN_CONTENT'],
    ['a VRT of a server as float grid', 'EHdr', () => vrt(`/vsicurl/${url}/x.tif`), 'FILE_FORBIDDEN_CONTENT'],
    ['a WMS description as PNG', 'PNG', wms, 'FILE_FORBIDDEN_CONTENT'],
    ['a WMS description as ASCII grid', 'AAIGrid', wms, 'FILE_FORBIDDEN_CONTENT'],
    ['other XML', 'GTiff', () => `<x>${url}</x>`, 'FORMAT_MISMATCH'],
    ['a name of another file', 'GTiff', () => `/vsicurl/${url}/x.tif`, 'FORMAT_MISMATCH'],
    ['a PNG as GeoTIFF', 'GTiff', () => Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), 'FORMAT_MISMATCH'],
    ['half a PNG', 'PNG', () => Buffer.from('\x89PNG\r\n\x1a\n\0\0', 'latin1'), 'FORMAT_MISMATCH|FILE_UNREADABLE'],
    ['half a TIFF', 'GTiff', () => Buffer.from('II*\0\x08\0\0\0', 'latin1'), 'FORMAT_MISMATCH|FILE_UNREADABLE'],
    [
      'a TIFF that claims a million pixels a side',
      'GTiff',
      () => tiffWithoutPixels(1_000_000, 1_000_000),
      'FILE_TOO_LARGE',
    ],
    ['an empty file', 'GTiff', () => '', 'FILE_UNREADABLE'],
    [
      'half a netCDF',
      'netCDF',
      () => Buffer.from('CDF\x01\0\0\0\0', 'latin1'),
      'FORMAT_MISMATCH|FILE_UNREADABLE|GEOREFERENCE_MISSING',
    ],
    ['text with the signature of GRIB', 'GRIB', () => 'GRIB and text', 'FORMAT_MISMATCH|FILE_UNREADABLE'],
  ];
  test.each(cases)('%s', async (name, format, content, code) => {
    if (format === 'EHdr') await landing.put(`hostile/${name}.hdr`, 'NROWS 20\nNCOLS 20\nNBITS 8\n');
    const path = await landing.put(`hostile/${name}.dat`, content());
    const error: unknown = await landing.ingest({ path, format }).catch((thrown: unknown) => thrown);
    expect((error as { code: string }).code).toMatch(new RegExp(`^(${code})$`));
    expect((error as Error).message).toContain(path);
    expect((error as Error).message).not.toContain(landing.context.env.SCRATCH_DIR);
    expect(server.count()).toBe(0);
  });

  test.each(['external-storage', 'virtual-dataset', 'external-link'])(
    'rejects a netCDF-4 file with values in another file: %s',
    async (name) => {
      const path = await landing.upload(rasterFile(`${name}.nc`));
      await expect(landing.ingest({ path, format: 'netCDF', crs: 'EPSG:4326' })).rejects.toMatchObject({
        code: 'FILE_FORBIDDEN_CONTENT',
        details: { file: path, reference: name.replace('-', ' ') },
      });
    },
  );

  test('rejects a truncated TIFF', async () => {
    const cut = join(landing.folder, 'ab.tif');
    writeFileSync(cut, (await readFile(rasterFile('landsat.tif'))).subarray(0, 40_000));
    const path = await landing.upload(cut);
    await expect(landing.ingest({ path, format: 'GTiff' })).rejects.toMatchObject({
      code: expect.stringMatching(/^(FILE_UNREADABLE|FORMAT_MISMATCH)$/) as string,
      details: { file: path },
    });
  });

  test('rejects side files that refer to other files', async () => {
    const path = await landing.upload(rasterFile('landsat.tif'), 'seite/landsat.tif');
    const reference = `<Metadata domain="GEOLOCATION"><MDI key="X_DATASET">/vsicurl/${url}/x</MDI></Metadata>`;
    const parts = [
      ['.msk', vrt()],
      ['.aux.xml', `<PAMDataset>${reference}</PAMDataset>`],
      ['.aux.xml', `<PAMDataset>${reference.replace('_', '&#x5f;')}</PAMDataset>`],
    ] as const;
    await landing.put('seite/landsat.tif.ovr', vrt()); // Overviews are not read.
    for (const [part, content] of parts) {
      await landing.put(`seite/landsat.tif${part}`, content);
      await expect(landing.ingest({ path, format: 'GTiff' })).rejects.toMatchObject({
        code: 'FILE_FORBIDDEN_CONTENT',
        details: { file: path, part },
      });
    }
    expect(server.count()).toBe(0);
  });
});
