import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { execa } from 'execa';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openTabularFixture, type TabularFixture } from '../../tests/fixtures/tabular.ts';
import { makeWorkbook } from '../../tests/fixtures/workbook.ts';

let fixture: TabularFixture;
let folder: string;
beforeAll(async () => {
  fixture = await openTabularFixture();
  folder = await mkdtemp(join(tmpdir(), 'sluice tables é#'));
});
afterAll(async () => {
  await fixture[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

const csv = (body: string | Buffer, name = 'preise.csv') => ({ name, body });
const utf16 = (text: string, mark = true) => Buffer.from(`${mark ? '\ufeff' : ''}${text}`, 'utf16le');

test.each([
  ['comma', csv('id,stadt\n1,Zürich\n')],
  ['semicolon, CR LF', csv('id;stadt\r\n1;Zürich\r\n')],
  ['tab', { ...csv('id\tstadt\n1\tZürich\n', 'preise.tsv'), format: 'TSV' }],
  ['tab, declared as CSV', csv('id\tstadt\n1\tZürich\n', 'preise.tsv')],
  ['vertical bar, no line break at the end', csv('id|stadt\n1|Zürich')],
  ['UTF-8 with a byte order mark', csv('\ufeffid,stadt\n1,Zürich\n')],
  ['UTF-16 with a byte order mark', csv(utf16('id,stadt\n1,Zürich\n'))],
  ['UTF-16, big-endian', csv(Buffer.from(utf16('id,stadt\n1,Zürich\n')).swap16())],
  [
    'UTF-16 without a byte order mark, declared',
    { ...csv(utf16('id,stadt\n1,Zürich\n', false)), encoding: 'UTF-16LE' },
  ],
  ['Latin-1, declared', { ...csv(Buffer.from('id,stadt\n1,Zürich\n', 'latin1')), encoding: 'ISO-8859-1' }],
  ['gzip', csv(gzipSync('id,stadt\n1,Zürich\n'), 'preise.csv.gz')],
  [
    'gzip with several members, UTF-16',
    csv(Buffer.concat([gzipSync(utf16('id,stadt\n')), gzipSync(utf16('1,Zürich\n', false))]), 'preise.csv.gz'),
  ],
  ['JSON lines', { ...csv('{"id": 1, "stadt": "Zürich"}\n', 'preise.jsonl'), format: 'JSONL' }],
  [
    'JSON lines, gzip, CR LF, byte order mark',
    { ...csv(gzipSync('\ufeff{"id": 1, "stadt": "Zürich"}\r\n\r\n'), 'preise.jsonl.gz'), format: 'ndjson' },
  ],
])('%s', async (_, file) => {
  expect(await fixture.ingest(file, {}, { metadata: { force: true } })).toMatchObject({
    types: { id: 'bigint', stadt: 'text' },
    rows: [{ id: 1n, stadt: 'Zürich' }],
  });
});

test('text that is not in its encoding is an error with the line', async () => {
  await expect(fixture.ingest(csv(Buffer.from('id,stadt\n1,Bern\n2,Zürich\n', 'latin1')))).rejects.toMatchObject({
    code: 'ENCODING_INVALID',
    message: expect.stringContaining('Line 3 of') as string,
    details: { line: 3 },
  });
  await expect(fixture.ingest({ ...csv('a\n1\n'), encoding: 'klingon' })).rejects.toMatchObject({
    code: 'ENCODING_INVALID',
    message: expect.stringContaining('has the unknown encoding "klingon"') as string,
  });
});

async function workbook(name: string, ...sheets: [string, string][]): Promise<Buffer> {
  const path = join(folder, name);
  for (const [index, [sheet, body]] of sheets.entries()) {
    const source = join(folder, 'sheet.csv');
    await writeFile(source, body);
    await execa('ogr2ogr', [
      '-f',
      name.endsWith('.ods') ? 'ODS' : 'XLSX',
      ...(index > 0 ? ['-update'] : []),
      path,
      source,
      '-oo',
      'AUTODETECT_TYPE=YES',
      '-nln',
      sheet,
    ]);
  }
  return readFile(path);
}

test.each(['xlsx', 'ods'])('a sheet of a workbook (%s) is a table with the types of its cells', async (extension) => {
  const body = await workbook(
    `bücher 1.${extension}`,
    [
      'Sheet "1"; #é',
      'id,code,day,at,price,note,flag\n1,x7,2024-01-15,2024-01-15T10:00:30,1234567890123.25,"two\nlines",true\n2,008,2024-02-15,2024-01-15T11:30:15,2,,false\n',
    ],
    ['Zweites', 'a,b\n1,2\n'],
  );
  const file = { name: `bücher 1.${extension}`, body, format: extension.toUpperCase() };
  const { rows, types, asset } = await fixture.ingest(file);
  expect(types).toMatchObject({
    id: 'bigint',
    code: 'text',
    day: 'date',
    at: 'timestamp without time zone',
    price: 'double precision',
    note: 'text',
  });
  expect(rows).toMatchObject([
    {
      id: 1n,
      code: 'x7',
      day: new Date('2024-01-15'),
      at: new Date('2024-01-15T10:00:30Z'),
      price: 1234567890123.25,
      note: 'two\nlines',
    },
    { id: 2n, code: '008', day: new Date('2024-02-15'), price: 2, note: null },
  ]);
  expect(asset.sources).toMatchObject([{ layer: 'Sheet "1"; #é', format: extension.toUpperCase() }]);
  expect(await fixture.ingest(file, { sheet: 'Zweites' })).toMatchObject({
    rows: [{ a: 1n, b: 2n }],
    asset: { sources: [{ layer: 'Zweites' }] },
  });
  await expect(fixture.ingest(file, { sheet: 'Drittes' })).rejects.toMatchObject({
    code: 'LAYER_MISSING',
    message: expect.stringContaining('Its sheets are "Sheet \\"1\\"; #é", "Zweites".') as string,
  });
});

test('rejected rows of a sheet have the number of the row; a sheet without a header has numbered columns', async () => {
  const body = await workbook('werte.xlsx', ['W', 'note,qty\n"two\nlines",5\nx,abc\ny,7\n']);
  expect(
    (await fixture.ingest({ name: 'werte.xlsx', body, format: 'XLSX' }, { columns: { qty: 'bigint' } })).asset
      .rejected_rows,
  ).toEqual({ count: 1, sample: [{ line: 3, reason: 'has "abc" in column "qty" of type bigint' }] });
  expect(await fixture.ingest({ name: 'werte.xlsx', body, format: 'XLSX' }, { header: false })).toMatchObject({
    rows: [{ column_1: 'note', column_2: 'qty' }, {}, {}, {}],
  });
});

test('a sheet of one column', async () => {
  const file = {
    name: 'eine.xlsx',
    body: makeWorkbook([['x'], [1], [null], ['a, "b"']]),
    format: 'XLSX',
  };
  expect((await fixture.ingest(file)).rows).toEqual([{ x: '1' }, { x: 'a, "b"' }]);
  expect((await fixture.ingest(file, { header: false })).rows).toEqual([
    { column_1: 'x' },
    { column_1: '1' },
    { column_1: 'a, "b"' },
  ]);
});

test('the time of day of a cell is kept for all notations of hours; text in a format is ignored', async () => {
  const at = 45351.52100694444;
  const formats = [
    'yyyy-mm-dd h:mm:ss',
    'dd/mm/yyyy h:mm',
    '[$-409]m/d/yy h:mm AM/PM;@',
    'yyyy-mm-dd',
    'h:mm:ss',
    '[hh]:mm',
    '0.0 "added"',
  ];
  const cells = [at, at, at, Math.floor(at), at % 1, 1.25, 3.5].map((value, index) => ({
    value,
    format: formats[index] ?? '',
  }));
  const body = makeWorkbook([['iso', 'uk', 'us', 'day', 'time', 'hours', 'number'], cells, cells]);
  const { types, rows } = await fixture.ingest({ name: 'zeiten.xlsx', body, format: 'XLSX' });
  expect(types).toEqual({
    iso: 'timestamp without time zone',
    uk: 'timestamp without time zone',
    us: 'timestamp without time zone',
    day: 'date',
    time: 'text',
    hours: 'text',
    number: 'double precision',
  });
  const moment = new Date('2024-02-29T12:30:15Z');
  expect(rows[1]).toEqual({
    iso: moment,
    uk: moment,
    us: moment,
    day: new Date('2024-02-29'),
    time: '12:30:15',
    hours: '30:00:00',
    number: 3.5,
  });
});
