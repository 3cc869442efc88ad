import { expect, test } from 'vitest';
import { parseAttributeTables } from './attribute-table.ts';

const field = (index: number, name: string, type: number, usage: number) =>
  `  <FieldDefn index="${index}">\n    <Name>${name}</Name>\n    <Type>${type}</Type>\n    <Usage>${usage}</Usage>\n  </FieldDefn>\n`;
const table = (content: string, attributes = ' tableType="thematic"') =>
  `<GDALRasterAttributeTable${attributes}>\n${content}</GDALRasterAttributeTable>\n`;
const row = (index: number, ...cells: string[]) =>
  `  <Row index="${index}">\n${cells.map((cell) => `    ${cell === '' ? '<F />' : `<F>${cell}</F>`}\n`).join('')}  </Row>\n`;

test('reads the table of each band from the text of gdalinfo', () => {
  const classes = table(
    field(0, 'Wert &amp; mehr', 0, 5) +
      field(1, 'Klasse', 2, 2) +
      field(2, 'x', 1, 0) +
      row(0, '-7', 'Wald &lt;hoch&gt;\nund tief', '0.1') +
      row(1, '8', '', 'nan') +
      row(2, '9', '007', '1e+300'),
    ' Row0Min="-0.5" BinSize="2" tableType="athematic"',
  );
  const counts = table(field(0, 'Histogram', 1, 1) + row(0, '12'));
  const text =
    `Driver: HFA\nBand 1 Block=64x64 Type=Byte, ColorInterp=Gray\n${classes}\n` +
    `Band 2 Block=64x64 Type=Byte, ColorInterp=Gray\n${counts}\nBand 3 Block=64x64 Type=Byte, ColorInterp=Gray\n`;
  expect(parseAttributeTables(text, 3)).toEqual([
    {
      columns: [
        { name: 'Wert & mehr', type: 'integer', usage: 'MinMax' },
        { name: 'Klasse', type: 'string', usage: 'Name' },
        { name: 'x', type: 'real', usage: 'Generic' },
      ],
      rows: [
        [-7, 'Wald <hoch>\nund tief', 0.1],
        [8, '', 'nan'],
        [9, '007', 1e300],
      ],
      row0_minimum: -0.5,
      bin_size: 2,
    },
    undefined,
    undefined,
  ]);
});

test('does not read a table whose texts are not UTF-8', () => {
  const text = `Band 1 Block=1x1 Type=Byte\n${table(field(0, 'n', 2, 2) + row(0, 'H\uFFFDhe'))}`;
  expect(parseAttributeTables(text, 1)).toEqual(['not UTF-8']);
});

test('reads texts that look like tables in linear time', () => {
  const band = 'Band 1 Block=1x1 Type=Byte\n';
  const starts = '<GDALRasterAttributeTable>\n'.repeat(500_000);
  expect(parseAttributeTables(band + starts, 1)).toEqual([undefined]);
  const rows = table(`${'<Row index="0">'.repeat(500_000)}\n`);
  expect(parseAttributeTables(band + rows, 1)).toEqual([undefined]);
  const hidden = `  Description = <GDALRasterAttributeTable>\n${table(field(0, 'n', 2, 2) + row(0, '&#9999999;'))}`;
  expect(parseAttributeTables(band + hidden, 1)).toMatchObject([{ rows: [['&#9999999;']] }]);
});
