import { readdirSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { scratchRoot } from '#shared/runtime/scratch.ts';
import { openTabularFixture, type TableFile, type TabularFixture } from '../../tests/fixtures/tabular.ts';

let fixture: TabularFixture;
beforeAll(async () => {
  fixture = await openTabularFixture({ MAX_FILE_BYTES: String(150 * 2 ** 20) });
});
afterAll(() => fixture[Symbol.asyncDispose]());

const csv = (body: string | Buffer, fields: Partial<TableFile> = {}): TableFile => ({
  name: 'x é.csv',
  body,
  ...fields,
});
/** The beginning of a zip archive, of which a workbook is one. */
const ZIP = Buffer.from('504b030414000000080000002100', 'hex');
/** The beginning of a document of Office before 2007. */
const OLE = Buffer.from('d0cf11e0a1b11ae100000000', 'hex');

test.each([
  ['a workbook named .csv', csv(ZIP), 'FORMAT_MISMATCH', /declared as CSV, but its content looks like a zip archive/],
  ['an SQLite database', csv('SQLite format 3\0xxx'), 'FORMAT_MISMATCH', /looks like an SQLite database/],
  ['a PDF document', csv('%PDF-1.7'), 'FORMAT_MISMATCH', /looks like a PDF document/],
  [
    'a web page',
    csv('<!DOCTYPE html><html><body>Not found</body></html>'),
    'FORMAT_MISMATCH',
    /looks like an XML document <html>/,
  ],
  ['JSON', csv('{"a": 1}\n'), 'FORMAT_MISMATCH', /looks like JSON/],
  [
    'UTF-16 without a byte order mark',
    csv(Buffer.from('a,b\n', 'utf16le')),
    'FORMAT_MISMATCH',
    /looks like UTF-16 text without a byte order mark\. Set `encoding` of the file to UTF-16LE/,
  ],
  ['binary data', csv(Buffer.from([1, 2, 0xff, 0, 3, 0xfe, 7, 8])), 'FORMAT_MISMATCH', /looks like binary data/],
  [
    'a workbook with a password',
    csv(Buffer.concat([OLE, Buffer.from('EncryptedPackage', 'utf16le')]), { format: 'XLSX' }),
    'FORMAT_MISMATCH',
    /looks like an Office document with a password\. Save it as \.xlsx without a password\.$/,
  ],
  [
    'an old workbook',
    csv(OLE, { format: 'XLSX' }),
    'FORMAT_MISMATCH',
    /looks like an Office document of the time before 2007, such as \.xls\. Save it as \.xlsx without a password\.$/,
  ],
  [
    'a CSV declared as JSON lines',
    csv('a,b\n1,2\n', { format: 'JSONL' }),
    'FORMAT_MISMATCH',
    /declared as JSONL, but its content looks like text/,
  ],
  ['one JSON list', csv('[{"a": 1}]', { format: 'JSONL' }), 'FORMAT_MISMATCH', /looks like JSON/],
  [
    'a CSV declared as a workbook',
    csv('a,b\n1,2\n', { format: 'XLSX' }),
    'FORMAT_MISMATCH',
    /declared as XLSX, but its content looks like text/,
  ],
  ['an archive that is not a workbook', csv(ZIP, { format: 'XLSX' }), 'ARCHIVE_UNREADABLE', /damaged/],
  ['an empty file', csv(''), 'FILE_UNREADABLE', /is empty/],
  ['blank lines only', csv('\n\r\n\n'), 'FILE_UNREADABLE', /has no rows/],
  [
    'a first row without an end',
    csv(Buffer.alloc(17 * 2 ** 20, 'x')),
    'FILE_UNREADABLE',
    /^The first row of s3:.*x é\.csv is longer than 16777216 bytes\./,
  ],
  [
    'JSON objects with a key of 20,000 characters',
    csv(`{"a": 1}\n{"b": 2, "${'🗺'.repeat(20_000)}": 1}\n`, { format: 'JSONL' }),
    'FILE_UNREADABLE',
    /^The objects of s3:.*x é\.csv have a key of more than 1000 characters, "(🗺){40}…"\. Shorten it\.$/u,
  ],
  ['an empty gzip', csv(gzipSync('')), 'FILE_UNREADABLE', /has no rows/],
  [
    'a gzip that was cut off',
    csv(gzipSync('a,b\n1,2\n'.repeat(1000)).subarray(0, 40)),
    'ARCHIVE_UNREADABLE',
    /damaged/,
  ],
  [
    'a gzip bomb',
    csv(gzipSync(Buffer.alloc(110 * 2 ** 20, 'a,b\n'))),
    'FILE_TOO_LARGE',
    /decompresses to more than 200 times its size/,
  ],
  [
    'a format of another lane',
    csv('x', { format: 'GPKG' }),
    'FORMAT_NOT_SUPPORTED',
    /The tabular format "GPKG".* is not supported/,
  ],
])('%s is rejected', async (_, file, code, message) => {
  await expect(fixture.ingest(file)).rejects.toMatchObject({ code, message: expect.stringMatching(message) as string });
  expect(readdirSync(scratchRoot(fixture.context.env))).toEqual([]);
});

test('a line of 20 MB is rejected with its number; a line of 5 MB is read', async () => {
  const body = Buffer.concat([
    Buffer.from('id,text\n1,'),
    Buffer.alloc(20 * 2 ** 20, 'x'),
    Buffer.from('\n2,'),
    Buffer.alloc(5 * 2 ** 20, 'y'),
    Buffer.from('\n3,z\n'),
  ]);
  const { asset, rows } = await fixture.ingest(csv(body));
  expect(rows.map(({ id, text }) => [id, (text as string).length])).toEqual([
    [2n, 5 * 2 ** 20],
    [3n, 1],
  ]);
  expect(asset.rejected_rows).toEqual({ count: 1, sample: [{ line: 2, reason: 'is longer than 16777216 bytes' }] });
});

test('NUL characters and a quote that is never closed reject only their rows', async () => {
  const { asset } = await fixture.ingest(csv(`id,text\n${'1,a\n'.repeat(20_000)}2,b\0c\n3,d\n4,"e\n5,f\n6,g\n`));
  expect(asset).toMatchObject({
    row_count: 20_001,
    rejected_rows: {
      count: 4,
      sample: [
        { line: 20_002, reason: 'holds a NUL character' },
        { line: 20_004, reason: 'opens a quote that is never closed' },
      ],
    },
  });
});

test('values that look like SQL, paths, formulas or escapes are text', async () => {
  const values = [
    "'; drop table runs; --",
    '${HOME}',
    '../../etc/passwd',
    '=HYPERLINK("http://x")',
    '\\N',
    "read_csv('/etc/passwd')",
    '%s%n',
    '\u202eabc',
    'nan',
    'NULL',
  ];
  const { rows, types } = await fixture.ingest(
    csv(`v\n${values.map((value) => `"${value.replaceAll('"', '""')}"`).join('\n')}\n`),
  );
  expect(types).toEqual({ v: 'text' });
  expect(rows.map(({ v }) => v)).toEqual(values);
});

test('JSON that is nested too deeply rejects only its line; brackets in strings are not counted', async () => {
  const deep = (levels: number) => `{"v":${'['.repeat(levels - 1)}${']'.repeat(levels - 1)}}`;
  const { asset, rows } = await fixture.ingest({
    name: 'deep.jsonl',
    format: 'JSONL',
    body: `{"v":[1]}\n${deep(1000)}\n${deep(1001)}\n{"v":[${JSON.stringify(`\\"${'[{'.repeat(2000)}`)}]}\n`,
  });
  expect(rows.length).toBe(3);
  expect(asset.rejected_rows).toEqual({
    count: 1,
    sample: [{ line: 3, reason: 'is nested more than 1000 levels deep' }],
  });
});

test('too many columns are an error before the rows are read; columns may have long names', async () => {
  const names = Array.from({ length: 5_001 }, (_, n) => `column number ${n} ${'é'.repeat(30)}`);
  await expect(fixture.ingest(csv(`${names.join(',')}\n${names.map(() => 1).join(',')}\n`))).rejects.toMatchObject({
    code: 'TOO_MANY_COLUMNS',
    message: expect.stringContaining('has more than 5000 columns') as string,
  });
  const { asset } = await fixture.ingest(
    csv(
      `${names
        .slice(0, 500)
        .map((name) => name.repeat(10))
        .join(',')}\n${names
        .slice(0, 500)
        .map(() => 1)
        .join(',')}\n`,
    ),
  );
  expect(asset).toMatchObject({ row_count: 1, rejected_rows: { count: 0 } });
});

test('2,000 columns, most of them without values', async () => {
  const count = 2_000;
  const names = Array.from({ length: count }, (_, n) => `c${n}`);
  const { asset, rows } = await fixture.ingest(
    csv(`${names.join(',')}\n${names.map((_, n) => (n % 10 === 0 ? n : '')).join(',')}\n`),
    { header: true },
  );
  expect(asset.columns.filter(({ type }) => type === 'bigint').length).toBe(count / 10);
  expect(rows[0]).toMatchObject({ c0: 0n, c1: null, c1990: 1990n });
});
