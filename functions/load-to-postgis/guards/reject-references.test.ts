import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { VECTOR_FORMAT_LIST } from '#shared/formats/vector-formats.ts';
import type { VectorSource } from '../vector-source.ts';
import { rejectReferences } from './reject-references.ts';
import { reasonToRejectStatement, tokensOf } from './sqlite-schema.ts';
import { reasonToRejectXml } from './xml-prolog.ts';

test.each([
  ['CREATE VIRTUAL TABLE v USING VirtualText(\'/etc/x\', "using rtree(")', 'virtualtext'],
  ['create virtual table if not exists main."using rtree()" using "VirtualShape"(\'x\')', 'virtualshape'],
  ['CREATE/**/VIRTUAL/* using rtree() */TABLE\n-- using rtree()\n[a b]USING`VirtualOGR`(1)', 'virtualogr'],
  ['CREATE VIRTUAL TABLE x\u00a0USING\u00a0rtree😀 USING VirtualText(1)', 'virtualtext'],
  [' ;/**/CREATE TEMP VIRTUAL TABLE v USING VirtualText(1)', 'virtual table'],
  ['CREATE VIRTUAL TABLE v /* not closed', 'virtual table'],
  ['CREATE VIEW v AS SELECT "BlobFromFile" (\'/etc/x\')', 'blobfromfile()'],
  ['CREATE TRIGGER t AFTER INSERT ON a BEGIN SELECT load_extension/**/(1); END', 'load_extension()'],
])('rejects the statement %s', (sql, reason) => {
  expect(reasonToRejectStatement('v', sql)).toContain(reason);
});

test.each([
  'CREATE VIRTUAL TABLE "rtree_é_geom" USING rtree(id, minx, maxx, miny, maxy)',
  'CREATE VIRTUAL TABLE KNN USING VirtualKNN()',
  'CREATE TABLE eval (a, "using virtualtext(" TEXT, b AS (a) VIRTUAL)',
  'CREATE VIEW v AS SELECT a AS readfile FROM eval -- readfile(1)',
  'CREATE TRIGGER "rtree_a" AFTER INSERT ON a BEGIN INSERT INTO rtree_a VALUES (NEW.fid, ST_MinX(NEW.geom)); END',
])('accepts the statement %s', (sql) => {
  expect(reasonToRejectStatement('v', sql)).toBeUndefined();
});

test('reads a statement in linear time, and a text or comment without an end to the end', () => {
  expect([...tokensOf('Create"a""b"\'c -- /*\'`d`[e]]--f\n/* g */\ufeffx$é(1)[h')]).toEqual([
    ...['create', 'a""b', 'c -- /*', 'd', 'e', ']', 'x$é', '(', '1', ')', ''],
  ]);
  const count = 2 ** 20;
  for (const mark of ['[', '"', "'", '`', '/*', '/**/', '(', '- ']) {
    let tokens = 0;
    for (const token of tokensOf(`create view v as select 1;${mark.repeat(count)}`)) tokens += token === '' ? 0 : 1;
    expect(tokens, mark).toBeLessThanOrEqual(count + 9);
  }
});

const folder = mkdtempSync(join(tmpdir(), 'sluice-xml é-'));
afterAll(() => {
  rmSync(folder, { recursive: true });
});
const reasonToReject = (document: string | Buffer) => {
  const path = join(folder, 'document #1.xml');
  writeFileSync(path, document);
  return reasonToRejectXml(path);
};
const utf16 = (text: string, order: 'le' | 'be') =>
  order === 'le' ? Buffer.from(`\ufeff${text}`, 'utf16le') : Buffer.from(`\ufeff${text}`, 'utf16le').swap16();
const DTD = '<!DOCTYPE r [<!ENTITY e SYSTEM "file:///etc/passwd">]>';
const declared = (encoding: string) => `<?xml version="1.0" encoding="${encoding}"?>\n`;
const comment = (length: number) => `<!-- <r xmlns:gml="x"> ${'x'.repeat(length)} -->`;

// Lengths around the size of the chunks that are read.
test.each(
  [0, 900, 990, 1000, 17_000, 65_490, 65_536, 131_000, 3_000_000].flatMap((length) =>
    [0, 1, 2, 3, 4, 5].map((more) => length + more),
  ),
)('finds a document type after a comment of %i characters', async (length) => {
  expect(await reasonToReject(`${declared('windows-1252')}${comment(length)}${DTD}<r>&e;</r>`)).toContain('<!DOCTYPE>');
  expect(
    await reasonToReject(`${declared('UTF-8')}${comment(length)}<?é ${'?'.repeat(length)}?>\r\n<r/>`),
  ).toBeUndefined();
});

test('skips many short comments, and rejects a prolog that is too long', async () => {
  expect(await reasonToReject(`<!---->\n `.repeat(1_500_000) + '<r/>')).toBeUndefined();
  expect(await reasonToReject(`<!---->\n `.repeat(1_500_000) + DTD + '<r/>')).toContain('<!DOCTYPE>');
  expect(await reasonToReject(`<!---->\n `.repeat(2_000_000) + '<r/>')).toContain('more than 16777216 bytes');
});

test.each(['le', 'be'] as const)('finds a document type in UTF-16 (%s)', async (order) => {
  expect(await reasonToReject(utf16(`${declared('UTF-16')}${comment(70_000)}${DTD}<r/>`, order))).toContain(
    '<!DOCTYPE>',
  );
  expect(await reasonToReject(utf16(`${declared('UTF-16')}${comment(70_000)}<r/>`, order))).toBeUndefined();
});

test.each<[string, string | Buffer]>([
  ['UTF-7', `${declared('UTF-7')}<r/>`],
  ['a declaration of EBCDIC', `${declared('IBM037')}<r/>`],
  ['EBCDIC', Buffer.from([0x4c, 0x6f, 0xa7, 0x94, 0x93])],
  ['a declaration of UTF-16 in ASCII', `${declared('UTF-16')}<r/>`],
  ['a declaration of another encoding in UTF-16', utf16(`${declared('windows-1252')}<r/>`, 'le')],
  ['a declaration of the other byte order', utf16(`${declared('UTF-16BE')}<r/>`, 'le')],
  ['UTF-16 without a byte order mark', utf16('<r/>', 'le').subarray(2)],
  ['UTF-32', Buffer.from([0xff, 0xfe, 0, 0, 0x3c, 0, 0, 0])],
  ['two encodings', '<?xml version="1.0" encoding="UTF-8" encoding="UTF-7"?><r/>'],
  ['a declaration that is too long', `<?xml ${' '.repeat(2000)}?><r/>`],
  ['gzip', Buffer.from('\x1f\x8b<r>', 'latin1')],
  ['a document that consists of a comment', comment(10)],
  ['an unterminated comment', '<!-- x'],
  ['a blank document', ' '],
  ['an entity declaration without a document type', '<!ENTITY x "y"><r/>'],
])('rejects %s', async (_name, document) => {
  expect(await reasonToReject(document)).toEqual(expect.any(String));
});

test.each<[string, string]>([
  ['a document without a declaration', '\n<kml/>'],
  ['a byte order mark', '\ufeff<?xml version="1.0"?><kml/>'],
  ['a document type in CDATA', `<kml><![CDATA[<!DOCTYPE html>]]></kml>`],
  ['ISO-8859-15', `${declared('ISO-8859-15')}<r/>`],
  ['Shift_JIS', `${declared('Shift_JIS')}<r/>`],
])('accepts %s', async (_name, document) => {
  expect(await reasonToReject(document)).toBeUndefined();
});

test.each([
  ['open table', '\n \topen   table "x"', true],
  ['a view', 'Fields 1\rCREATE\tVIEW v', true],
  ['a seamless table', '"\\IsSeamless" = "TRUE"', true],
  ['the words in a line', 'a open table', false],
  // With an expression that takes quadratic time, these take minutes.
  ['a megabyte of line breaks', '\n'.repeat(2 ** 20), false],
  ['a megabyte of blanks', `${' '.repeat(2 ** 20 - 1)}x`, false],
  ['blanks after a word', `open${' '.repeat(2 ** 20 - 5)}x`, false],
])('a MapInfo table with %s', async (_name, content, refers) => {
  const path = join(folder, 'a b.tab');
  writeFileSync(path, content);
  const format = VECTOR_FORMAT_LIST.get('MapInfo File', path);
  const source = { path, file: 'a b.tab', format, parts: ['.tab'], declared: {}, sha256: '', sizeBytes: 0 };
  const checked = rejectReferences(source as unknown as VectorSource, Buffer.alloc(0), {
    folder,
    maxBytes: 1,
    signal: new AbortController().signal,
  });
  if (refers) await expect(checked).rejects.toMatchObject({ code: 'FILE_FORBIDDEN_CONTENT' });
  else await expect(checked).resolves.not.toThrow();
});
