import { afterAll, beforeAll, expect, test } from 'vitest';
import { type LandingFixture, openLandingFixture } from '../../tests/fixtures/landing.ts';

/** Texts of KML and GPX documents that GDAL changes, or leaves out, without a message. */

let landing: LandingFixture;
beforeAll(async () => {
  landing = await openLandingFixture();
});
afterAll(() => landing[Symbol.asyncDispose]());

const kml = (content: string, encoding = 'UTF-8') =>
  `<?xml version="1.0" encoding="${encoding}"?><kml xmlns="http://www.opengis.net/kml/2.2"><Document>${content}</Document></kml>`;
const SCHEMA =
  '<Schema name="s" id="s"><SimpleField name="t" type="string"/><SimpleField name="n" type="int"/></Schema>';
const placemark = (t: string, n: string, rest = '') =>
  `<Placemark><name> é ${t} </name>${rest}<ExtendedData><SchemaData schemaUrl="#s">` +
  `<SimpleData name="t">${t}</SimpleData><SimpleData name="n">${n}</SimpleData></SchemaData></ExtendedData>` +
  '<Point><coordinates>1,2</coordinates></Point></Placemark>';
const TEXTS: [written: string, value: string][] = [
  ['  two  ', '  two  '],
  ['\n tab\t', '\n tab\t'],
  ['&#x20;x &amp;&#9;', ' x &\t'],
  ['<![CDATA[ <b> ]]>', ' <b> '],
  [' ', ' '],
  ['', ''],
  ['plain', 'plain'],
  [`${'long '.repeat(2000)}`, 'long '.repeat(2000)],
];

test.each(['utf8', 'utf16le'] as const)('keeps white space around the texts of KML in %s', async (encoding) => {
  const content = SCHEMA + TEXTS.map(([written]) => placemark(written, ' 7\n')).join('\n');
  const text = encoding === 'utf8' ? kml(content) : `\uFEFF${kml(content, 'UTF-16')}`;
  const path = await landing.put(`blanks-${encoding}.kml`, Buffer.from(text, encoding));
  const loaded = await landing.load({ path, format: 'KML' });
  expect(loaded.notes).toEqual([]);
  const rows = await loaded.query('select "Name" as name, t, n from raw_data order by sluice_fid');
  expect(rows.map(({ t, n }) => [t, n])).toEqual(TEXTS.map(([, value]) => [value, 7]));
  expect(rows[0]?.name).toBe(' é   two   ');
});

/** A KMZ of two documents, of which GDAL reads the first one. */
async function zipWithOther(name: string, document: string): Promise<string> {
  const other = await landing.file('other.kml', kml(''));
  return landing.zip(name, await landing.file('doc.kml', document), other);
}

test('notes white space around the values of a KMZ of several documents, which GDAL removes', async () => {
  const content =
    SCHEMA +
    TEXTS.slice(0, 6)
      .map(([written]) => placemark(written, '7'))
      .join('') +
    // The last byte of à is a no-break space in Latin-1.
    ['voilà', 'a &amp;', 'b;', '<![CDATA[voilà]]>'].map((written) => placemark(written, '7')).join('');
  const archive = await zipWithOther('blanks.kmz', kml(content));
  const loaded = await landing.load({ path: await landing.upload(archive), format: 'KMZ' });
  expect(loaded.notes).toMatchObject([
    {
      code: 'VALUES_CHANGED',
      column: 't',
      message:
        '5 values of column "t" have white space around them, which was removed. ' +
        'Upload the .kml file of the archive to keep it. The first is "  two  ".',
    },
  ]);
});

test('notes white space of a KMZ of several documents in values that two parts of 1 MiB of the document divide', async () => {
  const value = '<![CDATA[ <b> ]]>';
  const cuts = [2, 9, 10, value.length - 2, value.length + 4]; // In the marks of CDATA, and in the end tag.
  let content = kml(SCHEMA).replace(/<\/Document>.*/, '');
  for (const [index, cut] of cuts.entries()) {
    const before = placemark(value, '7').indexOf(value) + cut;
    content += `<!--${' '.repeat((index + 1) * 2 ** 20 - before - content.length - 7)}-->${placemark(value, '7')}`;
  }
  const archive = await zipWithOther('parts.kmz', `${content}</Document></kml>`);
  const loaded = await landing.load({ path: await landing.upload(archive), format: 'KMZ' });
  expect(loaded.notes.map(({ message }) => message)).toEqual([
    '5 values of column "t" have white space around them, which was removed. ' +
      'Upload the .kml file of the archive to keep it. The first is " <b> ".',
  ]);
});

test('notes documents of a KMZ that GDAL does not read', async () => {
  const load = async (name: string, first: string, others: string[]) => {
    const documents = [await landing.file('doc.kml', kml(first))];
    for (const other of others) documents.push(await landing.file(other, kml(SCHEMA + placemark('b', '2'))));
    documents.push(await landing.file('styles.kml', kml('<Style id="a"/>')));
    return landing.load({ path: await landing.upload(await landing.zip(name, ...documents)), format: 'KMZ' });
  };
  const loaded = await load('skipped.kmz', SCHEMA + placemark('a', '1'), ['é 1.kml', '2.kml', '3.kml', '4.KML']);
  expect(loaded.files).toMatchObject([{ row_count: 1 }]);
  expect(loaded.notes).toEqual([
    {
      code: 'DOCUMENTS_SKIPPED',
      file: expect.stringContaining('skipped.kmz') as string,
      message: expect.stringMatching(
        /^4 documents with placemarks in .*skipped\.kmz were skipped: "é 1\.kml", "2\.kml", "3\.kml" and 1 more\. GDAL/,
      ) as string,
    },
  ]);
  const link = (name: string) => `<NetworkLink><Link><href>${name}</href></Link></NetworkLink>`;
  const linked = await load('linked.kmz', link('1.kml'), ['1.kml', '2.kml']);
  expect(linked.files).toMatchObject([{ row_count: 1 }]);
  expect(linked.notes).toMatchObject([
    { code: 'DOCUMENTS_SKIPPED', message: expect.stringContaining('skipped: "2.kml". GDAL') as string },
  ]);
});

test('notes elements of placemarks that GDAL does not read', async () => {
  const rest = '<address>Main Street 1</address><Snippet><![CDATA[short]]></Snippet>';
  const path = await landing.put(
    'elements.kml',
    kml(`<Snippet>of the document</Snippet>${SCHEMA}${placemark('a', '1', rest)}${placemark('b', '2', rest)}`),
  );
  const loaded = await landing.load({ path, format: 'KML' });
  expect(loaded.notes.map(({ code, message }) => [code, message])).toEqual([
    ['VALUES_MISSING', '2 elements <address> were left out. The first is "Main Street 1".'],
    ['VALUES_MISSING', '2 elements <Snippet> were left out. The first is "short".'],
  ]);
});

const gpx = (content: string) =>
  `<gpx xmlns="http://www.topografix.com/GPX/1/1" version="1.1" creator="x" xmlns:a="urn:a">${content}</gpx>`;

test('counts the links of GPX that GDAL does not read', async () => {
  const links = (count: number) =>
    Array.from({ length: count }, (_, n) => `<link href="http://example.org/${n}"><text>${n}</text></link>`).join('');
  const points = [1, 3, 4].map((count) => `<wpt lat="1" lon="2">${links(count)}</wpt>`).join('');
  const loaded = await landing.load({ path: await landing.put('links.gpx', gpx(points)), format: 'GPX' });
  expect(loaded.notes.map(({ code, message }) => [code, message])).toEqual([
    [
      'VALUES_MISSING',
      '3 links beyond the second one of a feature were left out. The first is "href=\\"http://example.org/2\\"".',
    ],
  ]);
});

test('keeps the texts of the extensions of GPX', async () => {
  const point = (code: string, text: string, size: string) =>
    `<wpt lat="1" lon="2"><extensions>\n <code>${code}</code><a:text x="1"> ${text} </a:text><size>${size}</size>` +
    `<n><m>${code}</m></n></extensions></wpt>`;
  const content = point('007', '2:1', '0.30000000000000004') + point('8', '', '1');
  const loaded = await landing.load({ path: await landing.put('extensions.gpx', gpx(content)), format: 'GPX' });
  expect(loaded.notes.map(({ code, message }) => [code, message])).toEqual([
    ['ATTRIBUTES_DROPPED', String.raw`2 attributes of elements <text> were left out. The first is "x=\"1\"".`],
  ]);
  expect(await loaded.query('select code, a_text, size, n from raw_data order by sluice_fid')).toEqual([
    { code: '007', a_text: ' 2:1 ', size: 0.30000000000000004, n: '<m>007</m>' },
    { code: '8', a_text: '  ', size: 1, n: '<m>8</m>' },
  ]);
});

test('does not read comments and CDATA of GPX as extensions', async () => {
  const content =
    '<!-- no <extensions> here --><wpt lat="1" lon="2"><ele>7.5</ele><desc><![CDATA[<extensions>]]></desc></wpt>' +
    '<wpt lat="1" lon="3"><ele>8.5</ele><extensions><a><extensions/></a><code><![CDATA[007]]></code></extensions></wpt>';
  const loaded = await landing.load({ path: await landing.put('comments.gpx', gpx(content)), format: 'GPX' });
  expect(await loaded.query('select ele, "desc", code from raw_data order by sluice_fid')).toEqual([
    { ele: 7.5, desc: '<extensions>', code: null },
    { ele: 8.5, desc: null, code: '007' },
  ]);
});

test('keeps the elevations of tracks, and notes what only their points hold', async () => {
  const track = (...elevations: string[]) =>
    gpx(
      `<trk><name>t</name><trkseg>${elevations
        .map((ele, n) => `<trkpt lat="${n}" lon="2">${ele}<time>2024-02-29T10:00:00Z</time></trkpt>`)
        .join('')}</trkseg></trk>`,
    );
  const load = async (name: string, text: string) =>
    landing.load({ path: await landing.put(name, text), format: 'GPX' });
  const whole = await load('whole.gpx', track('<ele>0.30000000000000004</ele>', '<ele>7</ele>'));
  expect(await whole.query('select st_astext(geom, 17) as geom from raw_data')).toEqual([
    { geom: 'MULTILINESTRING Z ((2 0 0.30000000000000004,2 1 7))' },
  ]);
  const values = '2 points of tracks have times or other values, which were left out.';
  expect(whole.notes.map(({ message }) => message)).toEqual([`${values} Set \`layer\` to track_points to load them.`]);
  const partial = await load('partial.gpx', track('<ele>1</ele>', ''));
  expect(await partial.query('select st_astext(geom) as geom from raw_data')).toEqual([
    { geom: 'MULTILINESTRING((2 0,2 1))' },
  ]);
  expect(partial.notes.map(({ code, message }) => [code, message.split('.')[0]])).toEqual([
    ['VALUES_MISSING', 'Elevations of 1 of 2 points were left out, because other points have none'],
    ['VALUES_MISSING', values.slice(0, -1)],
  ]);
});

test('notes values of KML that another value of the placemark replaces', async () => {
  const data = '<ExtendedData><Data name="name"><value>b</value></Data></ExtendedData>';
  const content = `<Placemark><name>a</name>${data}<Point><coordinates>1,2</coordinates></Point></Placemark>`;
  const loaded = await landing.load({ path: await landing.put('replaced.kml', kml(content)), format: 'KML' });
  expect(await loaded.query('select "Name" as name from raw_data')).toEqual([{ name: 'b' }]);
  expect(loaded.notes.map(({ code, column }) => [code, column])).toEqual([['KEYS_REPEATED', 'name']]);
});
