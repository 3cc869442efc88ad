import { expect, test } from 'vitest';
import { ods, readTestSheet } from '../../../../tests/fixtures/workbook.ts';

const read = (body: Buffer, options = {}) => readTestSheet(body, { format: 'ODS', header: true, ...options });
const row = (...cells: string[]) => `<table:table-row>${cells.join('')}</table:table-row>`;
const cell = (attributes: string, content = '') => `<table:table-cell ${attributes}>${content}</table:table-cell>`;
const text = (content: string) => cell('office:value-type="string"', content);
const names = (...values: string[]) => row(...values.map((name) => text(`<text:p>${name}</text:p>`)));

test('values do not depend on the language of the author', async () => {
  const body = ods(
    names('n', 'percent', 'eur', 'b', 'd', 'at', 't', 'h', 'text') +
      row(
        cell('office:value-type="float" office:value="1.50"', '<text:p>1,5</text:p>'),
        cell('office:value-type="percentage" office:value="0.125"', '<text:p>12,5 %</text:p>'),
        cell('office:value-type="currency" office:currency="EUR" office:value="2"', '<text:p>2,00 €</text:p>'),
        cell('office:value-type="boolean" office:boolean-value="true"', '<text:p>WAHR</text:p>'),
        cell('office:value-type="date" office:date-value="2024-01-31"', '<text:p>31.01.24</text:p>'),
        cell('office:value-type="date" office:date-value="2024-01-31T10:00:30"', '<text:p>31.01.24</text:p>'),
        cell('office:value-type="time" office:time-value="PT12H30M15S"', '<text:p>12:30</text:p>'),
        cell('office:value-type="time" office:time-value="PT36H15M00S"', '<text:p>36 Std.</text:p>'),
        cell('office:value-type="string" office:string-value="shown"', '<text:p>other</text:p>'),
      ),
  );
  const sheet = await read(body);
  expect(sheet.values).toEqual([
    ['1.5', '0.125', '2', 'TRUE', '2024-01-31', '2024-01-31T10:00:30', '12:30:15', '36:15:00', 'shown'],
  ]);
  expect(sheet.columns.map(({ lastRow }) => Object.keys(lastRow).filter((kind) => kind !== 'text'))).toEqual([
    ['number'],
    ['number'],
    ['number'],
    ['boolean'],
    ['date'],
    ['timestamp'],
    ['time'],
    ['time'],
    [],
  ]);
});

test('booleans that LibreOffice writes as formulas', async () => {
  const boolean = (name: string, value: number) =>
    cell(`table:formula="of:=${name}()" office:value-type="float" office:value="${value}"`);
  const sheet = await read(ods(names('a', 'b', 'c') + row(boolean('TRUE', 1), boolean('FALSE', 0), boolean('PI', 3))));
  expect(sheet.values).toEqual([['TRUE', 'FALSE', '3']]);
});

test('text is exact; comments, phonetic hints and drawings are left out', async () => {
  const contents = [
    '<text:p>two <text:s text:c="2"/>spaces </text:p>',
    '<text:p><text:s text:c="2"/>lead<text:tab/>x<text:line-break/>y</text:p>',
    '<office:annotation><text:p>checked</text:p></office:annotation><text:p>B-17</text:p>',
    '<text:p>one</text:p><text:p/><text:p><text:span>th<text:a>ree</text:a></text:span></text:p>',
    '<text:p><text:ruby><text:ruby-base>東京</text:ruby-base><text:ruby-text>とうきょう</text:ruby-text></text:ruby></text:p>',
    '<draw:frame><draw:text-box><text:p>box</text:p></draw:text-box></draw:frame><text:p>a<draw:g><text:p>b</text:p></draw:g></text:p>',
  ];
  const { values } = await read(ods(names('a') + contents.map((content) => row(text(content))).join('')));
  expect(values.flat()).toEqual(['two   spaces ', '  lead\tx\ny', 'B-17', 'one\n\nthree', '東京', 'a']);
});

test('repeated cells and rows are written as often as they are repeated; blank ones are left out', async () => {
  const sheet = await read(
    ods(
      names('a', 'b', 'c') +
        `<table:table-row table:number-rows-repeated="2">${cell('office:value-type="float" office:value="1" table:number-columns-repeated="2"')}${cell('table:number-columns-repeated="16382"')}</table:table-row>` +
        `<table:table-row table:number-rows-repeated="3">${cell('table:number-columns-repeated="16384"')}</table:table-row>` +
        `<table:table-header-rows>${row('<table:covered-table-cell/>', cell('table:number-columns-spanned="2" office:value-type="float" office:value="2"'))}</table:table-header-rows>` +
        `<table:table-row table:number-rows-repeated="1048569">${cell('table:style-name="x"')}</table:table-row>`,
    ),
  );
  expect(sheet.values).toEqual([
    ['1', '1', null],
    ['1', '1', null],
    [null, '2', null],
  ]);
  expect(sheet).toMatchObject({
    mergedRanges: 1,
    notes: [{ code: 'BLANK_ROWS_SKIPPED', message: expect.stringContaining('3 rows') }],
  });
});

test('errors and formulas without a stored value are blank, and are counted with their first cell', async () => {
  const { values, columns } = await read(
    ods(
      names('a', 'b', 'c') +
        row(
          cell(
            'table:formula="of:=1/0" office:value-type="string" office:string-value="" calcext:value-type="error"',
            '<text:p>#DIV/0!</text:p>',
          ),
          cell('table:formula="of:=NA()" office:value-type="string"', '<text:p>#N/A</text:p>'),
          cell('table:formula="of:=1/3"'),
        ) +
        row(
          text('<text:p>#N/A</text:p>'),
          cell('table:formula="of:=&quot;&quot;" office:value-type="string" office:string-value=""'),
          '',
        ),
    ),
  );
  expect(values).toEqual([
    [null, null, null],
    ['#N/A', null, null],
  ]);
  expect(columns).toMatchObject([
    { error: { count: 1, cell: 'A2', shown: '#DIV/0!' } },
    { error: { count: 1, cell: 'B2', shown: '#N/A' } },
    { formula: { count: 1, cell: 'C2' } },
  ]);
});

test('the first sheet with cells is read, or the named one; tables outside of the sheets are not sheets', async () => {
  const one = names('a') + row(cell('office:value-type="float" office:value="1"'));
  const body = ods(row(cell('')), { sheets: { Zwei: one, Drei: names('b') } });
  expect(await read(body)).toMatchObject({ name: 'Zwei', otherSheets: ['S', 'Drei'], values: [['1']] });
  expect(await read(body, { sheet: 'Drei' })).toMatchObject({ header: ['b'], rows: 0 });
  await expect(read(body, { sheet: 'x' })).rejects.toMatchObject({
    code: 'LAYER_MISSING',
    message: 'Mappe é.xlsx has no sheet "x". Its sheets are "S", "Zwei", "Drei".',
  });
  await expect(read(ods(''))).rejects.toMatchObject({ code: 'FILE_UNREADABLE' });
});

test('other prefixes of the namespaces', async () => {
  const content =
    '<o:document-content xmlns:o="urn:oasis:names:tc:opendocument:xmlns:office:1.0" xmlns="urn:oasis:names:tc:opendocument:xmlns:table:1.0" xmlns:tt="urn:oasis:names:tc:opendocument:xmlns:table:1.0" xmlns:x="urn:oasis:names:tc:opendocument:xmlns:text:1.0"><o:body><o:spreadsheet><table tt:name="T"><table-row><table-cell o:value-type="string"><x:p>id</x:p></table-cell></table-row><table-row><table-cell o:value-type="float" o:value="7"/></table-row></table></o:spreadsheet></o:body></o:document-content>';
  expect(await read(ods('', { members: { 'content.xml': content } }))).toMatchObject({ name: 'T', values: [['7']] });
});

test('hidden rows and columns are read, and are counted', async () => {
  const columns =
    '<table:table-column/><table:table-column table:visibility="collapse" table:number-columns-repeated="5"/>';
  const hidden = `<table:table-row table:visibility="filter" table:number-rows-repeated="2">${cell('office:value-type="float" office:value="1"')}</table:table-row>`;
  expect(await read(ods(columns + names('a', 'b') + hidden))).toMatchObject({
    hidden: { rows: 2, columns: 1 },
    rows: 2,
  });
});

test('a workbook with a password is rejected as encrypted', async () => {
  const uri = 'urn:oasis:names:tc:opendocument:xmlns:manifest:1.0';
  const manifest = `<m:manifest xmlns:m="${uri}"><m:file-entry m:full-path="content.xml"><m:encryption-data/></m:file-entry></m:manifest>`;
  const body = ods('', { members: { 'META-INF/manifest.xml': manifest, 'content.xml': '\u0001' } });
  await expect(readTestSheet(body, { format: 'ODS' })).rejects.toMatchObject({
    code: 'FILE_UNREADABLE',
    message: 'Mappe é.xlsx is encrypted. Save it without a password.',
  });
});
