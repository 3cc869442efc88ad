import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { lookUpCrs } from '#shared/gdal/crs/look-up-crs.ts';
import { crsLabel } from '#shared/gdal/crs/crs.ts';
import { createGdal } from '#shared/gdal/runner.ts';
import { testEnv } from '../../../tests/servers.ts';
import { codeOfAdv, declaredNames, readGmlCrs } from './geometry-crs.ts';

const GML = 'xmlns:gml="http://www.opengis.net/gml"';
const POSITION = '<gml:pos>1 2</gml:pos>';
const gdal = createGdal(testEnv());
const { signal } = new AbortController();

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sluice gml é#'));
});
afterAll(() => rm(folder, { recursive: true }));

async function* chunksOf(text: string, size = text.length): AsyncGenerator<Buffer> {
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

const point = (srsName: string) => `<gml:Point srsName="${srsName}">${POSITION}</gml:Point>`;
const envelope = (srsName: string) =>
  `<gml:boundedBy><gml:Envelope srsName="${srsName}"><gml:lowerCorner>1 2</gml:lowerCorner></gml:Envelope></gml:boundedBy>`;

test.each([
  [
    'a part of a geometry',
    `<gml:MultiPoint><gml:pointMember>${point('a')}</gml:pointMember></gml:MultiPoint>`,
    ['a'],
    1,
  ],
  ['a position', '<gml:Point><gml:pos srsName="a">1 2</gml:pos></gml:Point>', ['a'], 1],
  ['a geometry and a position', `<gml:Point srsName='a'><gml:pos srsName="b">1 2</gml:pos></gml:Point>`, ['a', 'b'], 0],
  ['a geometry with > in an attribute', `<gml:Point gml:id="x>y" srsName="a">${POSITION}</gml:Point>`, ['a'], 0],
  ['no text in another attribute', `<gml:Point gml:id=' srsName="b" ' srsName="a">${POSITION}</gml:Point>`, ['a'], 0],
  ['no comment', `<!-- ${point('b')} -->${point('a')}`, ['a'], 0],
  ['no CDATA section', `<a><![CDATA[${point('b')}]]></a>${point('a')}`, ['a'], 0],
  ['no empty element', `<gml:Point srsName="b"/>${point('a')}`, ['a'], 0],
])('reads the name of the CRS of %s', async (_case, content, names, undeclared) => {
  const document = `<c ${GML}>${content}</c>`;
  for (const size of [document.length, 7]) {
    const found = await declaredNames(chunksOf(document, size), { file: 'a.gml' });
    expect(found).toEqual({ names: new Set(names), envelope: undefined, geometries: 1, undeclared });
  }
});

test('rejects too many names of CRSs', async () => {
  const documentOf = (names: number) =>
    `<c ${GML}>${Array.from({ length: names }, (_, at) => point(`n${at}`)).join('')}</c>`;
  expect((await declaredNames(chunksOf(documentOf(20)), { file: 'a.gml' })).names.size).toBe(20);
  await expect(declaredNames(chunksOf(documentOf(21)), { file: 'a.gml' })).rejects.toMatchObject({
    code: 'CRS_UNREADABLE',
    message: expect.stringContaining('a.gml declare more than 20 different names of CRSs') as string,
  });
});

/** The CRS of a document, in which GDAL reads EPSG:25832 or no CRS. */
async function crsOf(content: string, { layer, embedded = true }: { layer?: string; embedded?: boolean } = {}) {
  const path = join(folder, 'a.gml');
  await writeFile(path, `<c ${GML}>${content}</c>`);
  const read = embedded ? await lookUpCrs(gdal, 'EPSG:25832', signal) : undefined;
  const crs = await readGmlCrs({ path, file: 'a.gml', embedded: read, layer }, { gdal, signal });
  return crs && crsLabel(crs);
}

const refused = (message: string) => ({
  code: 'CRS_UNREADABLE',
  message: expect.stringContaining(message) as string,
});
const SEVERAL = refused('declares 2 CRSs: EPSG:25832, EPSG:25833.');
const ZONE2 = 'urn:adv:crs:DE_DHDN_3GK2';
const ZONE3 = 'urn:adv:crs:DE_DHDN_3GK3_HE100';

test('compares all known names of CRSs, even beside an unknown one', async () => {
  for (const names of [
    [ZONE3, 'EPSG:25833'],
    ['EPSG:25833', ZONE3],
  ])
    await expect(crsOf(envelope('EPSG:25832') + names.map(point).join(''))).rejects.toMatchObject(SEVERAL);
});

test('rejects an unknown name of a CRS, unless GDAL reads the CRS from it', async () => {
  const unknown = refused(`a.gml declares an unknown CRS, "${ZONE3}".`);
  await expect(crsOf(envelope('EPSG:25832') + point(ZONE3))).rejects.toMatchObject(unknown);
  await expect(crsOf(envelope(ZONE2) + point(ZONE2) + point(ZONE3))).rejects.toMatchObject(unknown);
  await expect(crsOf(point(ZONE3) + point('EPSG:25832'))).rejects.toMatchObject(unknown);
  await expect(crsOf(point(ZONE3), { embedded: false })).rejects.toMatchObject(unknown);
  for (const content of [envelope(ZONE2) + point(ZONE2), point(ZONE2), envelope(ZONE2) + point('EPSG:25832')])
    expect(await crsOf(content), content).toBe('EPSG:25832');
});

test.each([
  ['urn:adv:crs:ETRS89_UTM31', 'EPSG:25831'],
  ['urn:adv:crs:ETRS89_UTM32', 'EPSG:25832'],
  ['URN:ADV:CRS:etrs89_utm33', 'EPSG:25833'],
  ['urn:adv:crs:ETRS89_UTM32*DE_DHHN92_NH', 'EPSG:25832'],
  ['urn:adv:crs:ETRS89_UTM33*DE_DHHN2016_NH*GCG2016', 'EPSG:25833'],
  ['urn:adv:crs:ETRS89_UTM34', undefined],
  ['urn:adv:crs:ETRS89_UTM32*other', undefined],
  ['urn:adv:crs:DE_DHDN_3GK3', undefined],
  ['urn:adv:crs:ETRS89_Lat-Lon', undefined],
])('the EPSG code of %s is %s', (name, code) => expect(codeOfAdv(name)).toBe(code));

test('reads the names of the AdV of geometries and of an envelope', async () => {
  const [zone32, zone33] = ['urn:adv:crs:ETRS89_UTM32', 'urn:adv:crs:ETRS89_UTM33*DE_DHHN2016_NH'];
  const options = { embedded: false };
  expect(await crsOf(point(zone33), options)).toBe('EPSG:25833');
  expect(await crsOf(envelope(zone33) + '<gml:Point>1 2</gml:Point>', options)).toBe('EPSG:25833');
  expect(await crsOf(envelope(zone32) + point('EPSG:25832'), options)).toBe('EPSG:25832');
  await expect(crsOf(envelope(zone33) + point('EPSG:25832'), options)).rejects.toMatchObject(SEVERAL);
  await expect(crsOf(envelope(ZONE3), options)).rejects.toMatchObject(refused(`an unknown CRS, "${ZONE3}".`));
});

test('reads the names of CRSs of the geometries of one of several layers', async () => {
  const document =
    envelope('EPSG:25832') + `<a>${point('EPSG:25832')}</a><b>${point('urn:ogc:def:crs:EPSG::25833')}</b>`;
  expect(await crsOf(document, { layer: 'a' })).toBe('EPSG:25832');
  await expect(crsOf(document, { layer: 'b' })).rejects.toMatchObject(SEVERAL);
  await expect(crsOf(document, { layer: 'other' })).rejects.toMatchObject(SEVERAL);
  expect(await crsOf(document, { layer: 'b', embedded: false })).toBe('EPSG:25833');
});

test('rejects a CRS that only parts of geometries declare, because GDAL does not apply its axis order', async () => {
  const parts = `<gml:MultiPoint><gml:pointMember>${point('EPSG:25832')}</gml:pointMember></gml:MultiPoint>`;
  expect(await crsOf(parts)).toBe('EPSG:25832');
  await expect(crsOf(parts, { embedded: false })).rejects.toMatchObject(
    refused('Only parts of the geometries of a.gml declare a CRS, EPSG:25832,'),
  );
  await expect(crsOf(parts.replace('25832', '25833'))).rejects.toMatchObject(SEVERAL);
});
