import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ods, readTestSheet, xlsx } from '../../../tests/fixtures/workbook.ts';
import { readSheet } from './read-sheet.ts';
import { XmlReader } from './xml-reader.ts';

const MAIN = 'http://schemas.openxmlformats.org/spreadsheetml/2006/main';
const part = (name: string, xml: string) => xlsx('', { members: { [`xl/${name}.xml`]: xml } });
const sheet = (xml: string) => part('worksheets/sheet1', xml);
const styles = (xml: string) => part('styles', `<styleSheet xmlns="${MAIN}">${xml}</styleSheet>`);
const table = (...rows: string[]) => ods(rows.join(''));
const odsCell = (attributes: string, text = '') =>
  `<table:table-cell office:value-type="string" ${attributes}><text:p>${text}</text:p></table:table-cell>`;

// With a reader that takes quadratic time, or that holds the content in memory, these take minutes or gigabytes.

test.each<[string, () => Buffer, string, string]>([
  [
    'entities that expand',
    () => sheet(`<!DOCTYPE x [<!ENTITY a "${'b'.repeat(1000)}"><!ENTITY c "&a;&a;">]><x>&c;</x>`),
    'FILE_UNREADABLE',
    'has a document type',
  ],
  ['entities without a document type', () => sheet('<x>&c;</x>'), 'FILE_UNREADABLE', 'is not valid XML'],
  ['nested elements', () => sheet('<a>'.repeat(2 ** 20)), 'FILE_UNREADABLE', 'has more than 256 levels of elements'],
  [
    'a long text',
    () => xlsx(`<row><c t="str"><v>${'x'.repeat(17 * 2 ** 20)}</v></c></row>`),
    'FILE_UNREADABLE',
    'has a text or a tag of more than 16777216 characters',
  ],
  [
    'a long tag',
    () => sheet(`<a ${Array.from({ length: 2 ** 21 }, (_, at) => `a${at}=""`).join(' ')}/>`),
    'FILE_UNREADABLE',
    'has a text or a tag of more than 16777216 characters',
  ],
  [
    'a text of many runs',
    () => xlsx('', { strings: `<si>${`<r><t>${'x'.repeat(2 ** 20)}</t></r>`.repeat(17)}</si>` }),
    'FILE_UNREADABLE',
    'has a cell with more than 16777216 characters',
  ],
  [
    'namespaces',
    () => sheet(`<a ${Array.from({ length: 501 }, (_, at) => `xmlns:a${at}="u"`).join(' ')}/>`),
    'FILE_UNREADABLE',
    'declares more than 500 namespaces',
  ],
  [
    'tags that are not closed',
    () => styles(`<numFmts>${'<numFmt '.repeat(80_000)}`),
    'FILE_UNREADABLE',
    'is not valid',
  ],
  ['styles', () => styles(`<cellXfs>${'<xf/>'.repeat(1_000_001)}`), 'FILE_TOO_LARGE', 'styles of cells'],
  [
    'number formats',
    () => styles(`<numFmts>${Array.from({ length: 100_001 }, (_, at) => `<numFmt numFmtId="${at}"/>`).join('')}`),
    'FILE_TOO_LARGE',
    'has more than 100000 number formats',
  ],
  [
    'cells that repeat one long text',
    () =>
      xlsx('<row><c t="s"><v>0</v></c></row>'.repeat(20_000), { strings: `<si><t>${'x'.repeat(2 ** 15)}</t></si>` }),
    'FILE_TOO_LARGE',
    'unpacks to more than 104857600 bytes',
  ],
  [
    'a cell in the last column',
    () => xlsx('<row r="3"><c r="XFD3"><v>1</v></c></row>'),
    'TOO_MANY_COLUMNS',
    'has a value in cell XFD3; a table has at most 5000 columns',
  ],
  [
    'few cells in a wide table',
    () => xlsx(`${'<row><c><v>1</v></c></row>'.repeat(30_000)}<row><c r="GJH30001"><v>1</v></c></row>`),
    'FILE_TOO_LARGE',
    'unpacks to more than 104857600 bytes',
  ],
])('XLSX with %s is an error', async (_, body, code, message) => {
  await expect(readTestSheet(body())).rejects.toMatchObject({ code, message: expect.stringContaining(message) });
});

test.each<[string, () => Buffer, string, string]>([
  [
    'a row that is repeated',
    () =>
      table(
        `<table:table-row table:number-rows-repeated="1000000">${odsCell('table:number-columns-repeated="9"', 'x'.repeat(999))}</table:table-row>`,
      ),
    'FILE_TOO_LARGE',
    'unpacks to more than 104857600 bytes',
  ],
  [
    'a row that is repeated too often',
    () => table(`<table:table-row table:number-rows-repeated="1048577">${odsCell('', 'x')}</table:table-row>`),
    'FILE_UNREADABLE',
    'has more than 1048576 rows',
  ],
  [
    'a cell that is repeated too often',
    () =>
      table(`<table:table-row>${odsCell('table:number-columns-repeated="9007199254740991"', 'x')}</table:table-row>`),
    'TOO_MANY_COLUMNS',
    'a table has at most 5000 columns',
  ],
  [
    'a long text that is repeated',
    () =>
      table(`<table:table-row>${odsCell('table:number-columns-repeated="5000"', 'x'.repeat(4000))}</table:table-row>`),
    'FILE_UNREADABLE',
    'has more than 16777216 characters in row 1',
  ],
  [
    'many blanks in little XML',
    () => table(`<table:table-row>${odsCell('', '<text:s text:c="32767"/>'.repeat(600))}</table:table-row>`),
    'FILE_UNREADABLE',
    'has a cell with more than 16777216 characters',
  ],
])('ODS with %s is an error', async (_, body, code, message) => {
  await expect(readTestSheet(body(), { format: 'ODS' })).rejects.toMatchObject({
    code,
    message: expect.stringContaining(message),
  });
});

test('a sheet that uses its limits is read: 16 MiB in a row, 20 MB of texts, blank rows to the end', async () => {
  const strings = Array.from({ length: 20_000 }, (_, at) => `<si><t>${at} ${'é'.repeat(500)}</t></si>`).join('');
  const cells = Array.from({ length: 20_000 }, (_, at) => `<row><c t="s"><v>${(at * 7_919) % 20_000}</v></c></row>`);
  const long = 'x'.repeat(2 ** 24 - 20);
  const { values, rows } = await readTestSheet(
    xlsx(`${cells.join('')}<row r="1048576"><c t="str"><v>${long}</v></c></row>`, { strings }),
    { header: false },
  );
  expect(rows).toBe(20_001);
  expect(values[20_000]).toEqual([long]);
  expect(values.slice(0, 20_000).every(([text], at) => text?.startsWith(`${(at * 7_919) % 20_000} é`))).toBe(true);
});

test('a worker thread reads a sheet, and is ended when its run is canceled or when it makes no progress', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'sluice sheet é#'));
  try {
    const row = `<row>${'<c t="str"><v>x</v></c>'.repeat(50)}</row>`;
    const path = join(folder, 'workbook');
    const body = xlsx(row.repeat(5_000));
    await writeFile(path, body);
    const options = { sheet: undefined, header: false, skipRows: undefined, nullValues: [], maxBytes: 2 ** 30 };
    const job = { ...options, path, folder, rowsPath: join(folder, 'rows'), file: 'é.xlsx', format: 'XLSX' };
    const read = (limits: Partial<Parameters<typeof readSheet>[1]>) =>
      readSheet(
        { ...job, sizeBytes: body.length },
        { signal: new AbortController().signal, stalledSeconds: 60, ...limits },
      );
    await expect(read({ stalledSeconds: 0.001 })).rejects.toMatchObject({ code: 'STEP_NO_PROGRESS' });
    const canceled = AbortSignal.timeout(1);
    await expect(read({ signal: canceled })).rejects.toThrow(expect.objectContaining({ name: 'TimeoutError' }));
    expect(await read({})).toMatchObject({ rows: 5_000, name: 'S' });
  } finally {
    await rm(folder, { recursive: true });
  }
});

test('a full disk is not an error of the document', async () => {
  const full = Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC', syscall: 'write' });
  const handler = {
    open: () => {
      throw full;
    },
  };
  const chunks = (async function* () {
    yield await Promise.resolve(Buffer.from('<x/>'));
  })();
  await expect(XmlReader.read('sheet1.xml', chunks, {}, handler)).rejects.toBe(full);
});
