import { expect, test } from 'vitest';
import { makeWorkbook, ods, readTestSheet, xlsx } from '../../../../tests/fixtures/workbook.ts';

/** A row of cells as XML; the values of `t` and `v`. */
const row = (...cells: string[]) => `<row>${cells.join('')}</row>`;
const text = (value: string) => `<c t="inlineStr"><is><t>${value}</t></is></c>`;
const names = (...values: string[]) => row(...values.map(text));
const codes = (notes: readonly { code: string }[]) => notes.map(({ code }) => code);

test('cells of all types', async () => {
  const cells = [
    '<c><v>1.50</v></c>',
    '<c t="s"><v>1</v></c>',
    '<c t="str"><f>"a"&amp;"b"</f><v>ab</v></c>',
    '<c t="b"><v>1</v></c>',
    '<c t="d" s="1"><v>2024-01-31T00:00:00</v></c>',
    '<c s="1"><v>45322</v></c>',
    '<c s="2"><v>45322.5</v></c>',
    '<c s="3"><v>1.25</v></c>',
    '<c s="4"><v>0.125</v></c>',
    '<c s="5"><v>45322</v></c>',
  ];
  const strings = '<si><t>not used</t></si><si><r><t>rich </t></r><r><rPr><b/></rPr><t>text</t></r></si>';
  const header = names('n', 's', 'str', 'b', 'd', 'date', 'at', 'h', 'percent', 'zh');
  const body = xlsx(header + row(...cells), {
    strings,
    styles: [14, 'yyyy-mm-dd h:mm', '[h]:mm', '0.0%', 31],
  });
  const sheet = await readTestSheet(body);
  expect(sheet.header).toEqual(['n', 's', 'str', 'b', 'd', 'date', 'at', 'h', 'percent', 'zh']);
  expect(sheet.values).toEqual([
    [
      '1.5',
      'rich text',
      'ab',
      'TRUE',
      '2024-01-31',
      '2024-01-31',
      '2024-01-31T12:00:00',
      '30:00:00',
      '0.125',
      '2024-01-31',
    ],
  ]);
  expect(sheet.columns.map(({ lastRow }) => Object.keys(lastRow).filter((kind) => kind !== 'text'))).toEqual([
    ['number'],
    [],
    [],
    ['boolean'],
    ['date'],
    ['date'],
    ['timestamp'],
    ['time'],
    ['number'],
    ['date'],
  ]);
});

test('text is exact: blanks, line breaks, escapes, entities; phonetic hints are left out', async () => {
  const strings = [
    '<si><t xml:space="preserve"> a  b </t></si>',
    '<si><t>one_x000D_\n2 _x005F_x000D_ &amp;&#x1F642; &lt;b&gt;</t></si>',
    '<si><t>東京</t><rPh sb="0" eb="2"><t>トウキョウ</t></rPh><phoneticPr fontId="1"/></si>',
    '<si><t><![CDATA[<x>&]]> y</t></si>',
    '<si><t>_xD800_ _x0000_</t></si>',
    '<si><t/></si>',
  ];
  const body = xlsx(names('a') + strings.map((_, at) => row(`<c t="s"><v>${at}</v></c>`)).join(''), {
    strings: strings.join(''),
  });
  expect((await readTestSheet(body)).values).toEqual([
    [' a  b '],
    ['one\r\n2 _x000D_ &🙂 <b>'],
    ['東京'],
    ['<x>& y'],
    ['_xD800_ _x0000_'],
  ]);
});

test('errors and formulas without a stored value are blank, and are counted with their first cell', async () => {
  const cell = {
    error: '<c t="e"><v>#N/A</v></c>',
    formula: '<c><f>1/3</f><v/></c>',
    empty: '<c t="str"><f>""</f><v></v></c>',
  };
  const body = xlsx(
    names('a', 'b', 'c') +
      `${row(cell.error, cell.formula, '<c><f>1/3</f></c>')}${row(cell.error, '<c><v>2</v></c>', cell.empty)}`,
  );
  const { values, columns } = await readTestSheet(body, { header: true });
  expect(values).toEqual([
    [null, null, null],
    [null, '2', null],
  ]);
  expect(columns).toMatchObject([
    { error: { count: 2, cell: 'A2', shown: '#N/A' } },
    { formula: { count: 1, cell: 'B2' } },
    { formula: { count: 1, cell: 'C2' } },
  ]);
});

test('rows and cells without a reference follow the one before; with references they can have gaps', async () => {
  const body = xlsx(
    '<row r="2"><c r="B2" t="inlineStr"><is><t>x</t></is></c><c t="inlineStr"><is><t>y</t></is></c></row>' +
      '<row><c><v>1</v></c><c r="C3"><v>3</v></c></row><row/><row><c r="B7"><v>7</v></c></row>',
  );
  const sheet = await readTestSheet(body);
  expect(sheet).toMatchObject({ header: ['', 'x', 'y'], firstRow: 3, rows: 2 });
  expect(sheet.values).toEqual([
    ['1', null, '3'],
    [null, '7', null],
  ]);
  expect(sheet.notes).toMatchObject([
    {
      code: 'BLANK_ROWS_SKIPPED',
      message: expect.stringContaining('3 rows without any value were skipped; the first is row 4'),
    },
  ]);
});

test.each([
  [
    'rows in the wrong order',
    '<row r="2"><c><v>1</v></c></row><row r="1"><c><v>1</v></c></row>',
    'has row 1 after row 2',
  ],
  ['a cell of another row', '<row r="2"><c r="A3"><v>1</v></c></row>', 'has cell A3 in row 2'],
  ['two equal references', '<row><c r="A1"><v>1</v></c><c r="A1"><v>2</v></c></row>', 'has two cells A1'],
  ['a reference without a row', '<row><c r="A"><v>1</v></c></row>', 'has a cell with the reference "A"'],
  ['a row number that is a text', '<row r="x"><c><v>1</v></c></row>', 'has a row with the number "x"'],
  ['a row beyond the limit', '<row r="1048577"><c><v>1</v></c></row>', 'has more than 1048576 rows'],
  ['a missing text', '<row><c t="s"><v>5</v></c></row>', 'refers to the missing text 5 in column 1 of row 1'],
  ['XML that ends', '<row><c>', 'is not valid XML'],
])('%s is an error', async (_, rows, message) => {
  await expect(readTestSheet(xlsx(rows))).rejects.toMatchObject({
    code: 'FILE_UNREADABLE',
    message: expect.stringContaining(message),
  });
});

test('values that are not numbers of XML are texts; whole numbers keep all digits', async () => {
  const values = ['1,5', '1e400', '12345678901234567', '0.1000000000000000055'];
  const body = xlsx(names('a') + values.map((value) => row(`<c><v>${value}</v></c>`)).join(''));
  expect((await readTestSheet(body)).values.flat()).toEqual(['1,5', '1e400', '12345678901234567', '0.1']);
});

test('prefixes, other namespaces and the strict namespace', async () => {
  const strict = 'http://purl.oclc.org/ooxml/spreadsheetml/main';
  const sheet = `<x:worksheet xmlns:x="${strict}"><x:sheetData><x:row><x:c t="inlineStr"><x:is><x:t>id</x:t></x:is></x:c></x:row><x:row><x:c><x:v>7</x:v><x:extLst><x:ext xmlns:y="u"><y:v>8</y:v><v xmlns="u">9</v></x:ext></x:extLst></x:c></x:row></x:sheetData></x:worksheet>`;
  const { values } = await readTestSheet(xlsx('', { members: { 'xl/worksheets/sheet1.xml': sheet } }));
  expect(values).toEqual([['7']]);
});

test('two prefixes of one namespace', async () => {
  const office = 'http://schemas.openxmlformats.org/officeDocument/2006/relationships';
  const main = 'http://schemas.openxmlformats.org/spreadsheetml/2006/main';
  const workbook = `<workbook xmlns="${main}" xmlns:r="${office}"><sheets><sheet name="S" xmlns:q="${office}" q:id="s1"/></sheets></workbook>`;
  const body = xlsx(names('id') + row('<c><v>7</v></c>'), { members: { 'xl/workbook.xml': workbook } });
  expect((await readTestSheet(body)).values).toEqual([['7']]);
});

test('the epoch of 1904', async () => {
  const body = xlsx(names('d') + row('<c s="1"><v>0</v></c>'), { styles: [14], properties: 'date1904="1"' });
  expect((await readTestSheet(body)).values).toEqual([['1904-01-01']]);
});

test('UTF-16 is read, other encodings are not', async () => {
  const sheet = (encoding: string) =>
    `<?xml version="1.0" encoding="${encoding}"?><worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>${names('é')}${row('<c><v>1</v></c>')}</sheetData></worksheet>`;
  const file = (content: string | Buffer) => xlsx('', { members: { 'xl/worksheets/sheet1.xml': content as string } });
  expect((await readTestSheet(file(Buffer.from(`\ufeff${sheet('UTF-16')}`, 'utf16le')))).header).toEqual(['é']);
  expect((await readTestSheet(file(`\ufeff${sheet('utf-8')}`))).header).toEqual(['é']);
  await expect(readTestSheet(file(sheet('ISO-8859-1')))).rejects.toThrow('has the encoding ISO-8859-1');
  await expect(readTestSheet(file(Buffer.from(sheet('utf-8'), 'latin1')))).rejects.toThrow('is not valid XML');
});

test('the first sheet with cells is read, or the named one; the others are listed', async () => {
  const one = names('a') + row('<c><v>1</v></c>');
  const body = xlsx('<row r="5"><c s="1"/></row>', { sheets: { Zwei: one, Drei: names('b') }, styles: [14] });
  expect(await readTestSheet(body)).toMatchObject({ name: 'Zwei', otherSheets: ['S', 'Drei'] });
  expect(await readTestSheet(body, { sheet: 'Drei' })).toMatchObject({ name: 'Drei', header: ['b'], rows: 0 });
  await expect(readTestSheet(body, { sheet: 'S' })).rejects.toMatchObject({
    code: 'FILE_UNREADABLE',
    message: expect.stringContaining('has no rows'),
  });
  await expect(readTestSheet(body, { sheet: 'x' })).rejects.toMatchObject({
    code: 'LAYER_MISSING',
    message: 'Mappe é.xlsx has no sheet "x". Its sheets are "S", "Zwei", "Drei".',
  });
  await expect(readTestSheet(xlsx(''))).rejects.toMatchObject({
    code: 'FILE_UNREADABLE',
    message: expect.stringContaining('has no sheet with cells'),
  });
});

test('names have the rules of all tables: titles, dates, repeated names, columns without names', async () => {
  const rows = makeWorkbook([
    ['Sales 2024'],
    [],
    ['region', { value: 45292, format: 'yyyy-mm-dd' }, { value: 45323, format: 'yyyy-mm-dd' }],
    ['north', 1, 2],
    ['south', 3, 4],
  ]);
  const sheet = await readTestSheet(rows);
  expect(sheet.header).toEqual(['region', '2024-01-01', '2024-02-01']);
  expect(sheet.values).toEqual([
    ['north', '1', '2'],
    ['south', '3', '4'],
  ]);
  expect(codes(sheet.notes)).toContain('TITLES_SKIPPED');
  expect(await readTestSheet(rows, { skipRows: 3, header: false })).toMatchObject({
    header: undefined,
    firstRow: 4,
    rows: 2,
  });
  const data = makeWorkbook([
    ['a', 1],
    ['b', 2],
  ]);
  expect(await readTestSheet(data)).toMatchObject({ header: undefined, rows: 2, notes: [{ code: 'HEADER_ABSENT' }] });
  expect(await readTestSheet(data, { header: true })).toMatchObject({ header: ['a', '1'], rows: 1, notes: [] });
});

test('values that mean "no value" are blank', async () => {
  const body = makeWorkbook([
    ['a', 'b'],
    ['NA', -9999],
    ['x', 1],
  ]);
  expect((await readTestSheet(body, { nullValues: ['NA', '-9999'] })).values).toEqual([['x', '1']]);
});

test('hidden rows and columns are read; they and merged ranges are counted', async () => {
  const body = xlsx(`${names('a', 'b')}<row hidden="1"><c><v>1</v></c></row><row hidden="1"/>`, {
    before: '<cols><col min="2" max="16384" hidden="1"/></cols>',
    after: '<mergeCells><mergeCell ref="A1:B1"/></mergeCells>',
  });
  expect(await readTestSheet(body)).toMatchObject({ hidden: { rows: 1, columns: 1 }, mergedRanges: 1, rows: 1 });
});

test('parts are found without regard to case, and an archive without a workbook is an error', async () => {
  const rows = names('a') + row('<c t="s"><v>0</v></c>');
  const body = xlsx(rows, { strings: '<si><t>x</t></si>' });
  const renamed = Buffer.from(
    body.toString('latin1').replaceAll('xl/sharedStrings.xml', 'XL/SHAREDstrings.xml'),
    'latin1',
  );
  expect((await readTestSheet(renamed)).values).toEqual([['x']]);
  await expect(readTestSheet(ods(''))).rejects.toThrow('is an archive without a workbook');
});

test('parts whose folders are separated by backslashes are read, unless they leave the archive', async () => {
  const rows = names('a') + row('<c t="s"><v>0</v></c>');
  const renamed = (text: string) =>
    Buffer.from(text.replaceAll('xl/sharedStrings.xml', String.raw`xl\sharedStrings.xml`), 'latin1');
  const text = xlsx(rows, { strings: '<si><t>x</t></si>' }).toString('latin1');
  expect((await readTestSheet(renamed(text))).values).toEqual([['x']]);
  const outside = xlsx(rows, { members: { [String.raw`..\x`]: '' } });
  await expect(readTestSheet(outside)).rejects.toMatchObject({ code: 'ARCHIVE_UNSAFE' });
});
