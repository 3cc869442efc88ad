import { expect, test } from 'vitest';
import fc from 'fast-check';
import type { DelimitedOptions } from './delimited-options.ts';
import { DelimitedScanner } from './scan-delimited.ts';
import { parseStagedRows } from './staged-form.ts';

function scan(text: string | Buffer, options: Partial<DelimitedOptions> = {}, chunkBytes = 1e9) {
  const scanner = new DelimitedScanner({
    delimiter: ',',
    columns: undefined,
    nullValues: [],
    ...options,
  });
  const bytes = Buffer.from(text);
  const parts: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += chunkBytes) parts.push(scanner.push(bytes.subarray(at, at + chunkBytes)));
  parts.push(scanner.end());
  const staged = Buffer.concat(parts).toString();
  return {
    rows: parseStagedRows(staged).map(({ values }) => values),
    lines: staged
      .split('\n')
      .slice(0, -1)
      .map((row) => Number.parseInt(row, 10)),
    rejected: scanner.rejected,
    scanner,
  };
}

test.each([
  [
    'a,b\n1,2\n',
    [
      ['a', 'b'],
      ['1', '2'],
    ],
  ],
  [
    'a,b\r\n1,2',
    [
      ['a', 'b'],
      ['1', '2'],
    ],
  ],
  [
    'a,b\r1,2\r',
    [
      ['a', 'b'],
      ['1', '2'],
    ],
  ],
  [
    'a,b\r\n1,2\n3,4\r5,6',
    [
      ['a', 'b'],
      ['1', '2'],
      ['3', '4'],
      ['5', '6'],
    ],
  ],
  ['"a ""b""","x,y"\n', [['a "b"', 'x,y']]],
  ['"1\n2","3\r\n4"\n', [['1\n2', '3\r\n4']]],
  [
    '1,\n2,""\n',
    [
      ['1', null],
      ['2', ''],
    ],
  ],
  ['x"y,5" pipe\n', [['x"y', '5" pipe']]],
  ['1, "x,y" ,2\n', [['1', 'x,y', '2']]],
  [
    '\n\na,b\n\n1,2\n\n',
    [
      ['a', 'b'],
      ['1', '2'],
    ],
  ],
  [
    ',,\n1,,\n,"",\n',
    [
      ['1', null, null],
      [null, '', null],
    ],
  ],
  ['a\u001ab,c\u001fd,"\u001an"\n', [['a\u001ab', 'c\u001fd', '\u001an']]],
  ['Zürich,"東京 🎉"\n', [['Zürich', '東京 🎉']]],
  ['', []],
])('%j', (text, rows) => {
  for (const chunk of [1e9, 1, 3]) expect(scan(text, {}, chunk)).toMatchObject({ rows, rejected: { count: 0 } });
});

test('a row has the number of the line on which it begins', () => {
  expect(scan('h\r\n\r\n"two\r\nlines"\r\nx\n\n"a\rb"\ry\n', { skipThrough: 1 })).toMatchObject({
    lines: [3, 5, 7, 9],
    rows: [['two\r\nlines'], ['x'], ['a\rb'], ['y']],
  });
});

test('rows with another number of values, broken quotes or NUL are rejected by line; one extra delimiter at the end is ignored', () => {
  const { rows, rejected } = scan('a,b\n1,"x\ny"\n2\n3,4,5\n4,"open"x\n5,6,\n7,8\u0000\n9,10\n', {
    skipThrough: 1,
    columns: 2,
  });
  expect(rows).toEqual([
    ['1', 'x\ny'],
    ['5', '6'],
    ['9', '10'],
  ]);
  expect(rejected).toEqual({
    count: 4,
    sample: [
      { line: 4, reason: 'has 1 value instead of 2' },
      { line: 5, reason: 'has 3 values instead of 2' },
      { line: 6, reason: 'has text after a closing quote' },
      { line: 8, reason: 'holds a NUL character' },
    ],
  });
});

test('a quote that is never closed rejects all lines to the end of the file', () => {
  expect(scan('1,2\n3,"4\n5,6\n7,8\n', { columns: 2 })).toMatchObject({
    rows: [['1', '2']],
    rejected: { count: 3, sample: [{ line: 2, reason: 'opens a quote that is never closed' }] },
  });
});

test('null values are null where they are not quoted', () => {
  expect(scan('NA,"NA",-,x\n', { nullValues: ['NA', '-'] }).rows).toEqual([[null, 'NA', null, 'x']]);
});

test('a row of 100 MB is rejected without being held in memory, and the next row is read', () => {
  const scanner = new DelimitedScanner({ delimiter: ',', columns: 2, nullValues: [] });
  scanner.push(Buffer.from('1,"'));
  const part = Buffer.alloc(2 ** 20, 'x');
  for (let mebibyte = 0; mebibyte < 100; mebibyte++) expect(scanner.push(part).length).toBe(0);
  const rest = scanner.push(Buffer.from('"\n2,y\n'));
  expect(parseStagedRows(rest.toString())).toEqual([{ line: 2, values: ['2', 'y'] }]);
  expect(scanner.rejected).toMatchObject({ count: 1, sample: [{ line: 1, reason: 'is longer than 16777216 bytes' }] });
});

test('quoted values are read unchanged, regardless of the size of the chunks', () => {
  const values = fc.array(
    fc.array(
      fc.string({ unit: 'binary' }).filter((text) => !text.includes('\0')),
      { minLength: 2, maxLength: 4 },
    ),
    { maxLength: 6 },
  );
  fc.assert(
    fc.property(
      values,
      fc.constantFrom('\n', '\r\n', '\r'),
      fc.constantFrom(',', ';', '\t', '|'),
      fc.integer({ min: 1, max: 40 }),
      (rows, newline, delimiter, chunk) => {
        const text = rows
          .map((row) => row.map((value) => `"${value.replaceAll('"', '""')}"`).join(delimiter) + newline)
          .join('');
        const expected = rows.map((row) => row.map((value) => Buffer.from(value).toString()));
        expect(scan(text, { delimiter }, chunk).rows).toEqual(expected);
      },
    ),
  );
});

test.each([
  ['y', 'y'],
  ['a line break', '\n'],
  ['an escape', '\u001a'],
])('a value of many chunks keeps all of its bytes: %s', (_name, character) => {
  const chunkBytes = 70_000;
  const value = character.repeat(10 * chunkBytes);
  for (const before of [1, 1_000, 69_990, 70_010, 139_000]) {
    const { rows } = scan(`1,${'x'.repeat(before)}\n2,"${value}"\n3,z\n`, {}, chunkBytes);
    expect(rows.map(([id, text]) => [id, text?.length])).toEqual([
      ['1', before],
      ['2', value.length],
      ['3', 1],
    ]);
    expect(rows[1]?.[1] === value).toBe(true);
  }
});

test('rejected rows are counted in lines, even when a later quote ends the value', () => {
  const lines = Array.from({ length: 20 }, (_, index) => `${index},place ${index}`);
  const text = (closing: string) => `0,a\n1,"open\n${lines.join('\n')}\n${closing}\n3,c\n`;
  expect(scan(text('2,"close'), { columns: 2 })).toMatchObject({
    rows: [
      ['0', 'a'],
      ['3', 'c'],
    ],
    rejected: { count: 22, sample: [{ line: 2, reason: 'has text after a closing quote' }] },
  });
  expect(scan(text('2,close"'), { columns: 2 }).rejected).toEqual({
    count: 22,
    sample: [
      {
        line: 2,
        reason: 'has a value in quotes with 20 lines that look like rows',
      },
    ],
  });
  const declared = scan(text('2,close"'), { columns: 2, quotes: true });
  expect(declared.rows).toHaveLength(3);
  expect(declared.scanner.longValues).toMatchObject({ count: 1, longest: { line: 2, breaks: 21 } });
  expect(scan(text('2,close"'), { columns: 2, quotes: false }).rows.length).toBe(24);
  const poem = Array.from({ length: 20 }, (_, index) => 'la, '.repeat(index % 3)).join('\n');
  expect(scan(`1,"${poem}"\n`, { columns: 2 }).rejected.count).toBe(0);
});

test('comments, lines up to the header and rows without values are left out', () => {
  for (const chunk of [1e9, 1, 3]) {
    const { rows, lines, scanner } = scan(
      '# a "title\r\nname,n\r\n# b,c\r\nx,1\r\n,\r\ny,2,,\r\n#',
      { comment: '#', skipThrough: 2, columns: 2 },
      chunk,
    );
    expect([rows, lines]).toEqual([
      [
        ['x', '1'],
        ['y', '2'],
      ],
      [4, 6],
    ]);
    expect([scanner.blankRows, scanner.rejected.count]).toEqual([{ count: 1, first: 5 }, 0]);
  }
});

test('several spaces are one delimiter', () => {
  const { rows, rejected } = scan('  1   x y\n2  "a b"   z  \n\n   \n', { delimiter: ' ', columns: 3 });
  expect(rows).toEqual([
    ['1', 'x', 'y'],
    ['2', 'a b', 'z'],
  ]);
  expect(rejected.count).toBe(0);
});

test('spaces at the edges of values are kept or left out, and reported by column', () => {
  const kept = scan('a, b,c \n1,2,3\n', {});
  expect([kept.rows[0], [...kept.scanner.padded]]).toEqual([
    ['a', ' b', 'c '],
    [undefined, true, true],
  ]);
  expect(scan(' a,  b, NA\n', { stripBlanks: true, nullValues: ['NA'] }).rows).toEqual([[' a', 'b', null]]);
  expect(scan('1, NA \n', { nullValues: ['NA'] }).rows).toEqual([['1', null]]);
});
