import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { objectionToStatement } from './sqlite-schema.ts';
import { objectionToXml } from './xml-prolog.ts';

test.each([
  ['CREATE VIRTUAL TABLE v USING VirtualText(\'/etc/x\', "using rtree(")', 'virtualtext'],
  ['create virtual table if not exists main."using rtree()" using "VirtualShape"(\'x\')', 'virtualshape'],
  ['CREATE/**/VIRTUAL/* using rtree() */TABLE\n-- using rtree()\n[a b]USING`VirtualOGR`(1)', 'virtualogr'],
  ['CREATE VIRTUAL TABLE x\u00a0USING\u00a0rtree😀 USING VirtualText(1)', 'virtualtext'],
  [' ;/**/CREATE TEMP VIRTUAL TABLE v USING VirtualText(1)', 'virtual table'],
  ['CREATE VIRTUAL TABLE v /* not closed', 'virtual table'],
  ['CREATE VIEW v AS SELECT "BlobFromFile" (\'/etc/x\')', 'blobfromfile()'],
  ['CREATE TRIGGER t AFTER INSERT ON a BEGIN SELECT load_extension/**/(1); END', 'load_extension()'],
])('%s is refused', (sql, why) => {
  expect(objectionToStatement('v', sql)).toContain(why);
});

test.each([
  'CREATE VIRTUAL TABLE "rtree_é_geom" USING rtree(id, minx, maxx, miny, maxy)',
  'CREATE VIRTUAL TABLE KNN USING VirtualKNN()',
  'CREATE TABLE eval (a, "using virtualtext(" TEXT, b AS (a) VIRTUAL)',
  'CREATE VIEW v AS SELECT a AS readfile FROM eval -- readfile(1)',
  'CREATE TRIGGER "rtree_a" AFTER INSERT ON a BEGIN INSERT INTO rtree_a VALUES (NEW.fid, ST_MinX(NEW.geom)); END',
])('%s is not', (sql) => {
  expect(objectionToStatement('v', sql)).toBeUndefined();
});

const folder = mkdtempSync(join(tmpdir(), 'sluice-xml é-'));
afterAll(() => {
  rmSync(folder, { recursive: true });
});
const objectionTo = (document: string | Buffer) => {
  const path = join(folder, 'document #1.xml');
  writeFileSync(path, document);
  return objectionToXml(path);
};
const utf16 = (text: string, order: 'le' | 'be') =>
  order === 'le' ? Buffer.from(`\ufeff${text}`, 'utf16le') : Buffer.from(`\ufeff${text}`, 'utf16le').swap16();
const DTD = '<!DOCTYPE r [<!ENTITY e SYSTEM "file:///etc/passwd">]>';
const declared = (encoding: string) => `<?xml version="1.0" encoding="${encoding}"?>\n`;
const comment = (length: number) => `<!-- <r xmlns:gml="x"> ${'x'.repeat(length)} -->`;

// Lengths around those of the pieces that are read.
test.each(
  [0, 900, 990, 1000, 17_000, 65_490, 65_536, 131_000, 3_000_000].flatMap((length) =>
    [0, 1, 2, 3, 4, 5].map((more) => length + more),
  ),
)('a document type after a comment of %i characters', async (length) => {
  expect(await objectionTo(`${declared('windows-1252')}${comment(length)}${DTD}<r>&e;</r>`)).toContain('<!DOCTYPE>');
  expect(
    await objectionTo(`${declared('UTF-8')}${comment(length)}<?é ${'?'.repeat(length)}?>\r\n<r/>`),
  ).toBeUndefined();
});

test.each(['le', 'be'] as const)('a document type in UTF-16 (%s)', async (order) => {
  expect(await objectionTo(utf16(`${declared('UTF-16')}${comment(70_000)}${DTD}<r/>`, order))).toContain('<!DOCTYPE>');
  expect(await objectionTo(utf16(`${declared('UTF-16')}${comment(70_000)}<r/>`, order))).toBeUndefined();
});

test.each<[string, string | Buffer]>([
  ['UTF-7', `${declared('UTF-7')}<r/>`],
  ['EBCDIC by name', `${declared('IBM037')}<r/>`],
  ['EBCDIC', Buffer.from([0x4c, 0x6f, 0xa7, 0x94, 0x93])],
  ['UTF-16 that begins as ASCII', `${declared('UTF-16')}<r/>`],
  ['another encoding in UTF-16', utf16(`${declared('windows-1252')}<r/>`, 'le')],
  ['the other order', utf16(`${declared('UTF-16BE')}<r/>`, 'le')],
  ['UTF-16 without its mark', utf16('<r/>', 'le').subarray(2)],
  ['UTF-32', Buffer.from([0xff, 0xfe, 0, 0, 0x3c, 0, 0, 0])],
  ['two encodings', '<?xml version="1.0" encoding="UTF-8" encoding="UTF-7"?><r/>'],
  ['an endless declaration', `<?xml ${' '.repeat(2000)}?><r/>`],
  ['gzip', Buffer.from('\x1f\x8b<r>', 'latin1')],
  ['only a comment', comment(10)],
  ['half a comment', '<!-- x'],
  ['nothing', ' '],
  ['an entity alone', '<!ENTITY x "y"><r/>'],
])('%s is refused', async (_name, document) => {
  expect(await objectionTo(document)).toEqual(expect.any(String));
});

test.each<[string, string]>([
  ['no declaration', '\n<kml/>'],
  ['a byte order mark', '\ufeff<?xml version="1.0"?><kml/>'],
  ['HTML in a description', `<kml><![CDATA[<!DOCTYPE html>]]></kml>`],
  ['ISO-8859-15', `${declared('ISO-8859-15')}<r/>`],
  ['Shift_JIS', `${declared('Shift_JIS')}<r/>`],
])('%s is read', async (_name, document) => {
  expect(await objectionTo(document)).toBeUndefined();
});
