import { expect, test } from 'vitest';
import { checkCrsName, checkCrsText, CRS84, crsLabel, isHorizontal2D, isSameCrs, parseCrs } from './crs.ts';
import { onOneLine, parseWkt } from './wkt.ts';

const NAD27 = `GEOGCRS["NAD27",
    DATUM["North American Datum 1927", ELLIPSOID["Clarke 1866",6378206.4,294.978698213898, LENGTHUNIT["metre",1]]],
    PRIMEM["Greenwich",0, ANGLEUNIT["degree",0.0174532925199433]],
    CS[ellipsoidal,2], AXIS["latitude",north, ORDER[1], ANGLEUNIT["degree",0.0174532925199433]], AXIS["longitude",east, ORDER[2], ANGLEUNIT["degree",0.0174532925199433]],
    USAGE[SCOPE["Geodesy."], AREA["North and ""central"" America"], BBOX[7.15,167.65,83.17,-47.74]],
    ID["EPSG",4267]]`;

test('reads name, code, kind and area of use', () => {
  const crs = parseCrs(NAD27);
  expect(crs).toMatchObject({
    name: 'NAD27',
    authority: { name: 'EPSG', code: '4267' },
    kind: 'geographic',
    areaOfUse: [167.65, 7.15, -47.74, 83.17],
  });
  expect(crs.degreesPerUnit).toBeCloseTo(1, 10);
  expect(crs.wkt).toBe(onOneLine(NAD27));
  expect(crs.wkt).toContain('"North and ""central"" America"');
});

test('does not use the code of a part as the code of the CRS', () => {
  const mine = parseCrs(
    'PROJCS["mine",GEOGCS["WGS 84",UNIT["degree",0.017],AUTHORITY["EPSG","4326"]],UNIT["metre",1]]',
  );
  expect(mine).toMatchObject({ kind: 'projected', name: 'mine' });
  expect(mine.authority).toBeUndefined();
  expect(
    parseCrs(
      'COMPD_CS["a + b",PROJCS["a",UNIT["metre",1],AUTHORITY["EPSG","27700"]],VERT_CS["b",UNIT["metre",1]],AUTHORITY["EPSG","7405"]]',
    ),
  ).toMatchObject({ kind: 'projected', authority: { code: '7405' } });
  const bound = parseCrs(
    'BOUNDCRS[SOURCECRS[GEOGCRS["a",CS[ellipsoidal,2],ID["EPSG",4267]]],TARGETCRS[GEOGCRS["b",ID["EPSG",4326]]]]',
  );
  expect(bound).toMatchObject({ kind: 'geographic', name: 'a' });
  expect(bound.authority).toBeUndefined();
});

test('reads grads, local systems, and geographic systems written as GEODCRS', () => {
  expect(
    parseCrs(
      'GEOGCS["NTF (Paris)",DATUM["x",SPHEROID["y",6378249.2,293.4]],PRIMEM["Paris",2.5969213],UNIT["grad",0.015707963267949]]',
    ).degreesPerUnit,
  ).toBeCloseTo(0.9, 6);
  expect(parseCrs('LOCAL_CS["mine",UNIT["m",1]]').kind).toBe('local');
  expect(parseCrs('GEODCRS["WGS 84",CS[ellipsoidal,2],ANGLEUNIT["degree",0.0174532925199433]]').kind).toBe(
    'geographic',
  );
});

test.each([
  [true, NAD27],
  [true, 'PROJCRS["a",BASEGEOGCRS["b",CS[ellipsoidal,3]],CS[Cartesian,2]]'],
  [false, 'GEODCRS["a",CS[Cartesian,3]]'],
  [false, 'GEOGCRS["a",CS[ellipsoidal,3]]'],
  [false, 'VERTCRS["a",CS[vertical,1]]'],
  [false, 'COMPOUNDCRS["a",PROJCRS["b",CS[Cartesian,2]],VERTCRS["c",CS[vertical,1]]]'],
])('isHorizontal2D is %j for %s', (expected, wkt) => expect(isHorizontal2D(parseCrs(wkt))).toBe(expected));

test.each([
  '',
  'x',
  'GEOGCS[',
  'GEOGCS["a"',
  'GEOGCS["a"]]',
  'GEOGCS[]',
  'GEOGCS["a",]',
  'DATUM["x"]',
  '["x"]',
  'GEOGCS["a" "b"]',
  `${'A['.repeat(100)}1${']'.repeat(100)}`,
  `GEOGCS["${'x'.repeat(70_000)}"]`,
])('rejects %j', (text) => {
  expect(() => parseCrs(text)).toThrow(expect.objectContaining({ code: 'CRS_UNREADABLE' }) as Error);
});

test('accepts round brackets and exponents', () => {
  expect(parseWkt('A("x",-1.5E-3,B(+2))')).toEqual({
    keyword: 'A',
    values: ['x', -0.0015, { keyword: 'B', values: [2] }],
  });
});

test('accepts codes and WKT, and rejects texts that PROJ or GDAL would open', () => {
  expect(checkCrsText(' epsg:27700 ')).toBe('EPSG:27700');
  expect(checkCrsText('urn:ogc:def:crs:OGC:1.3:CRS84')).toBe('OGC:CRS84');
  expect(checkCrsText('ESRI:54009')).toBe('ESRI:54009');
  expect(checkCrsName('http://www.opengis.net/gml/srs/epsg.xml#27700')).toBe('EPSG:27700');
  for (const text of [
    'http://www.opengis.net/def/crs/EPSG/0/27700',
    'https://example.org/x',
    '/etc/passwd',
    'x.prj',
    '+proj=longlat',
    'EPSG:4326;rm',
    'file:x',
    '@x',
    'BOUNDCRS[PARAMETERFILE["a","/etc/x.gsb"]]',
  ]) {
    expect(() => checkCrsText(text), text).toThrow(expect.objectContaining({ code: 'CRS_UNREADABLE' }) as Error);
  }
  expect(() =>
    checkCrsText(
      'PROJCS["Web",GEOGCS["x",UNIT["degree",0.017]],UNIT["metre",1],EXTENSION["PROJ4","+proj=merc +nadgrids=@null +wktext"]]',
    ),
  ).not.toThrow();
});

test('treats CRS84 and EPSG:4326 as the same CRS', () => {
  expect(isSameCrs(CRS84, { ...CRS84, authority: { name: 'EPSG', code: '4326' } })).toBe(true);
  expect(isSameCrs(CRS84, parseCrs(NAD27))).toBe(false);
  expect(crsLabel(CRS84)).toBe('OGC:CRS84');
});

test('finds a grid with a path after other parameters', () => {
  const projString = (text: string) => `PROJCS["a",EXTENSION["PROJ4","${text}"]]`;
  for (const text of ['+proj=merc +nadgrids=a/b.gsb', '+grids=+grids=C:x', '+nadgrids=@null +INIT=epsg:1'])
    expect(() => checkCrsText(projString(text)), text).toThrow('refers to a file');
  expect(() => checkCrsText(projString('+nadgrids=a.gsb +x=/'))).not.toThrow();
});

// With an expression that takes quadratic time, these texts take minutes.
test.each([
  ['blanks before its end', `A["x"${' '.repeat(60_000)}`, 'it ends too early'],
  ['grids without a path', `A["${'+grids='.repeat(9_000)}"`, 'it ends too early'],
  ['quotation marks', `A["${'""'.repeat(30_000)}`, 'found'],
])('rejects a text of 60 KB with %s', (_name, text, reason) => expect(() => checkCrsText(text)).toThrow(reason));

test('removes blanks outside of texts', () => {
  expect(onOneLine(' A[\n  "x ""y"" ", B [1]]\n')).toBe('A["x ""y"" ",B[1]]');
});
