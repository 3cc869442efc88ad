import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { dataFile, type LandingFixture, openLandingFixture } from '../../tests/fixtures/landing.ts';

/** Encodings of text, and NUL characters. */

let landing: LandingFixture;
beforeAll(async () => {
  landing = await openLandingFixture();
});
afterAll(() => landing[Symbol.asyncDispose]());

const feature = (properties: object) => ({
  type: 'Feature',
  properties,
  geometry: { type: 'Point', coordinates: [1, 2] },
});
const collection = (...features: object[]) => JSON.stringify({ type: 'FeatureCollection', features });

test('rejects a NUL character with its position', async () => {
  const body = Buffer.from(collection(feature({ n: 'é' }), feature({ n: 'a\0b' })));
  const byte = body.indexOf(String.raw`\u0000`) + 1;
  const escaped = await landing.put('nul.geojson', body);
  await expect(landing.load({ path: escaped, format: 'GeoJSON' })).rejects.toMatchObject({
    code: 'ENCODING_INVALID',
    message: String.raw`${escaped} contains a NUL character (\u0000) at byte ${byte}, which PostgreSQL cannot store. Remove it.`,
    details: { file: escaped, byte },
  });
  const csv = await landing.put('nul.csv', `x,y,t\n${'1,2,a\n'.repeat(20_000)}3,4,b\0c\n5,6,d\n`);
  expect(await landing.load({ path: csv, format: 'CSV', crs: 'EPSG:4326' })).toMatchObject({
    row_count: 20_001,
    rejected_rows: { count: 1, sample: [{ line: 20_002, reason: 'holds a NUL character' }] },
  });
  const written = await landing.load({
    path: await landing.put('backslash.geojson', collection(feature({ n: String.raw`a\u0000` }))),
    format: 'GeoJSON',
  });
  expect(await written.query('select n from raw_data')).toEqual([{ n: String.raw`a\u0000` }]);
});

test('reads a Latin-1 .dbf without a .cpg as Latin-1', async () => {
  const loaded = await landing.load({ path: await landing.upload(dataFile('olinda1.shp')), format: 'ESRI Shapefile' });
  expect(
    await loaded.query(
      `select distinct "NM_BAIR" n from raw_data where "NM_BAIR" ~ '[^ -~]' and "NM_BAIR" like '%ç%' order by 1 limit 1`,
    ),
  ).toEqual([{ n: expect.stringMatching(/^[\p{L} ]+ç[\p{L} ]*$/u) as string }]);
  expect(loaded.row_count).toBe(470);
});

test('rejects text that is not in the declared encoding, unless the manifest corrects it', async () => {
  const made = await landing.make(
    'latin.shp',
    '-lco',
    'ENCODING=ISO-8859-1',
    await landing.make('latin.geojson', '-f', 'GeoJSON', dataFile('nc.shp'), '-sql', `SELECT 'Müller' AS naam FROM nc`),
  );
  const parts = ['shp', 'shx', 'dbf', 'prj'];
  const upload = async (stem: string, cpg: string) => {
    for (const part of parts)
      await landing.put(`${stem}.${part.toUpperCase()}`, await readFile(made.replace('.shp', `.${part}`)));
    return landing.put(`${stem}.cpg`, cpg).then(() => `s3://landing-zone/${stem}.SHP`);
  };
  const right = await landing.load({ path: await upload('right', 'ISO-8859-1'), format: 'ESRI Shapefile' });
  expect(await right.query('select distinct naam from raw_data')).toEqual([{ naam: 'Müller' }]);
  const wrong = await upload('wrong', 'UTF-8');
  await expect(landing.load({ path: wrong, format: 'ESRI Shapefile' })).rejects.toMatchObject({
    code: 'ENCODING_INVALID',
    details: { file: wrong },
  });
  const corrected = await landing.load({ path: wrong, format: 'ESRI Shapefile', encoding: 'ISO-8859-1' });
  expect(await corrected.query('select distinct naam from raw_data')).toEqual([{ naam: 'Müller' }]);
  await expect(
    landing.load({ path: await upload('unknown', 'KLINGON-8'), format: 'ESRI Shapefile' }),
  ).rejects.toMatchObject({ code: 'ENCODING_INVALID' });
});

test('converts CSV and GeoJSON to UTF-8 from the encoding of the manifest', async () => {
  const latin = Buffer.from('naam,x,y\nMüller,1,2\n', 'latin1');
  const path = await landing.put('latin.csv', latin);
  await expect(landing.load({ path, format: 'CSV', crs: 'EPSG:4326' })).rejects.toMatchObject({
    code: 'ENCODING_INVALID',
  });
  const loaded = await landing.load({ path, format: 'CSV', crs: 'EPSG:4326', encoding: 'windows-1252' });
  expect(await loaded.query('select naam from raw_data')).toEqual([{ naam: 'Müller' }]);
  const utf16 = Buffer.concat([Buffer.from([0xff, 0xfe]), Buffer.from('naam,x,y\nMüller,1,2\n', 'utf16le')]);
  expect(
    await (
      await landing.load({ path: await landing.put('utf16.csv', utf16), format: 'CSV', crs: 'EPSG:4326' })
    ).query('select naam from raw_data'),
  ).toEqual([{ naam: 'Müller' }]);
  await expect(
    landing.load({
      path: await landing.put('g.geojson', Buffer.from(collection(feature({ naam: 'Müller' })), 'latin1')),
      format: 'GeoJSON',
    }),
  ).rejects.toMatchObject({ code: 'ENCODING_INVALID' });
  await expect(landing.load({ path, format: 'CSV', crs: 'EPSG:4326', encoding: 'klingon' })).rejects.toMatchObject({
    code: 'ENCODING_INVALID',
  });
});

/** A MIF file with a column and a text in an encoding. */
async function putMif(stem: string, charset: string, encode: (text: string) => Buffer) {
  const head = ['Version 300', charset, 'Delimiter ","', 'CoordSys Earth Projection 1, 104', 'Columns 2'];
  const lines = [...head, '  größe Char(20)', '  n Integer', 'Data', '', 'Point 1 2', ''];
  await landing.put(`${stem}.mid`, encode('"Müller",7\r\n'));
  return landing.put(`${stem}.mif`, encode(lines.join('\r\n')));
}
const latin = (text: string) => Buffer.from(text, 'latin1');

test.each([
  ['the charset of the file', 'Charset "WindowsLatin1"', latin, undefined],
  ['UTF-8 with a charset without encoding', 'Charset "Neutral"', Buffer.from, undefined],
  ['the encoding of the manifest for Neutral', 'Charset "Neutral"', latin, 'windows-1252'],
  ['the encoding of the manifest without a charset', 'Delimiter ","', latin, 'ISO-8859-1'],
  ['the encoding of the manifest for a wrong charset', 'Charset "WindowsCyrillic"', Buffer.from, 'UTF-8'],
] as const)('reads MIF in %s', async (_, charset, encode, encoding) => {
  const path = await putMif('neutral #é', charset, encode);
  const loaded = await landing.load({ path, format: 'MIF', ...(encoding === undefined ? {} : { encoding }) });
  expect(await loaded.query('select "größe", n from raw_data')).toEqual([{ größe: 'Müller', n: 7 }]);
  expect(loaded.notes).toEqual([]);
});

test('rejects names of MapInfo files without a known encoding, and encodings without a charset', async () => {
  const path = await putMif('unknown', 'Charset "Neutral"', latin);
  await expect(landing.load({ path, format: 'MIF' })).rejects.toMatchObject({
    code: 'ENCODING_INVALID',
    message:
      `The name of column 1 of ${path} is not UTF-8 ("gr\uFFFD\uFFFDe"), and the charset of the file, such as Neutral, ` +
      'names no encoding.',
    details: { file: path, column: 'gr\uFFFD\uFFFDe' },
  });
  await expect(landing.load({ path, format: 'MIF', encoding: 'koi8-r' })).rejects.toMatchObject({
    code: 'ENCODING_INVALID',
    message: expect.stringMatching(
      /^`encoding` "koi8-r" of .* is not an encoding of MapInfo files\. Use one of utf-8, windows-1250, /,
    ) as string,
  });
});

test('reads a table of MapInfo in the encoding of the manifest', async () => {
  const mif = await landing.file(
    'tabelle.mif',
    latin(
      'Version 300\nCharset "WindowsLatin1"\nDelimiter ","\nCoordSys Earth Projection 1, 104\nColumns 1\n  größe Char(20)\nData\nPoint 1 2\n',
    ),
  );
  await landing.file('tabelle.mid', latin('"Müller"\n'));
  const tab = await landing.make('neutral.tab', '-f', 'MapInfo File', '-lco', 'ENCODING=CP1252', mif);
  await landing.file(
    'neutral.tab',
    latin((await readFile(tab)).toString('latin1').replaceAll('WindowsLatin1', 'Neutral')),
  );
  const path = await landing.upload(tab);
  await expect(landing.load({ path, format: 'MapInfo File' })).rejects.toMatchObject({ code: 'ENCODING_INVALID' });
  const loaded = await landing.load({ path, format: 'MapInfo File', encoding: 'windows-1252' });
  expect(await loaded.query('select * from raw_data')).toMatchObject([{ größe: 'Müller' }]);
});
