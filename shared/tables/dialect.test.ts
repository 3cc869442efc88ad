import { expect, test } from 'vitest';
import { type DeclaredDialect, detectDialect, looksSpaced, MAX_TABLE_COLUMNS, separatorLine } from './dialect.ts';

const head = (bytes: Buffer, isWhole = true) => ({ bytes, isWhole, firstLine: 1 });
const detect = (text: string, declared: DeclaredDialect = {}) => detectDialect(head(Buffer.from(text)), declared);
const hasHeader = (text: string) => detect(text)?.header !== undefined;

test.each([
  ['a,b\n1,2\n3,4\n', ','],
  ['a;b\n1,5;2,5\n', ';'],
  ['a\tb, c\n1\t2\n', '\t'],
  ['a|b\n1|x;y\n2|x\n', '|'],
  ['name\nZürich\n', ','],
  ['"a;b",c\n"d;e",f\n', ','],
  ['1,5;2,5\n3,5;4,5\n', ';'],
])('the delimiter of %j is %j', (text, delimiter) => expect(detect(text)?.delimiter).toBe(delimiter));

test('the delimiter of a long text is the one of its first 32 KiB', () => {
  const begin = 'a;b\n1;2\n'.repeat(5_000);
  expect(detect(`${begin}${'1,2\n'.repeat(50_000)}`)?.delimiter).toBe(';');
});

test.each(['# a comment, of a program\n', '\n'])('lines such as %j before the table have no delimiter', (line) => {
  const text = `${line.repeat(2 ** 16 / line.length)}a;b;c\n${'1,5;2,5;x\n'.repeat(100)}`;
  expect(detect(text, { comment: '#' })).toMatchObject({ delimiter: ';', header: ['a', 'b', 'c'] });
});

test('a declared delimiter is used, and a decimal comma is not a delimiter', () => {
  expect(detect('a;b,c\n1;2,3\n', { delimiter: ';' })).toMatchObject({ delimiter: ';', header: ['a', 'b,c'] });
  expect(detect('price\n1,5\n2,5\n', { decimal_separator: ',' })).toMatchObject({ columns: 1, header: ['price'] });
});

test.each([
  ['id,name\n1,Zürich\n', true],
  ['name,city\nAna,Zürich\n', true],
  ['name,2019,2020\nZürich,5,6\n', true],
  ['id,1,2\n17,5,6\n', true],
  ['Zürich,47.4,8.5\nGenève,46.2,6.1\n', false],
  ['1,Zürich\n2,Genève\n', false],
  ['2024-01-01,x\n2024-01-02,y\n', false],
  ['day,x\n2024-01-02,y\n', true],
  [',name\n0,Zürich\n', true],
  ['id,name\n', true],
  ['1,2\n', false],
  ['a,b', true],
])('%j begins with a header: %s', (text, expected) => expect(hasHeader(text)).toBe(expected));

test('returns the header, the number of columns and a sample', () => {
  expect(detect('id,,id\n1,"",x\n')).toEqual({
    delimiter: ',',
    firstLine: 1,
    header: ['id', '', 'id'],
    isHeaderCertain: true,
    columns: 3,
    skipThrough: 1,
    titles: undefined,
    stripBlanks: false,
    sample: [['1', '', 'x']],
  });
  expect(detect('1,2\n3,4\n5\n')).toMatchObject({ header: undefined, columns: 2 });
  expect(detect('\n\n')).toBeUndefined();
});

test('a row that is incomplete in the beginning of the text is not part of the sample', () => {
  expect(detectDialect(head(Buffer.from('a,b\n1,2\n3'), false), {})?.sample).toEqual([['1', '2']]);
  expect(detectDialect(head(Buffer.from('a,b,c'), false), {})?.header).toEqual(['a', 'b', 'c']);
});

test.each([
  ['sep=;\na;b\n', { delimiter: ';', bytes: 6 }],
  ['sep=,\r\na,b\n', { delimiter: ',', bytes: 7 }],
  ['sep=\t\ra\tb\r', { delimiter: '\t', bytes: 6 }],
  ['sep=;;\n', undefined],
  ['sep=\n', undefined],
  ['sep=;', undefined],
  ['sep=é\n', undefined],
  ['separator\n', undefined],
  ['a\nsep=;\n', undefined],
])('the separator line of %j is %j', (text, line) => expect(separatorLine(Buffer.from(text))).toEqual(line));

test('a row of 8 million values is not read to its end', () => {
  const wide = Buffer.alloc(2 ** 24, 'x,');
  expect(detectDialect(head(wide, false), {})?.columns).toBe(MAX_TABLE_COLUMNS + 1);
  expect(detectDialect(head(Buffer.concat([Buffer.from('a,b\n1,2\n'), wide])), {})).toMatchObject({
    columns: 2,
    header: ['a', 'b'],
  });
});

test('a value of a million digits is a number', () => {
  expect(hasHeader(`a,b\nx,${'1'.repeat(1_000_000)}\n`)).toBe(true);
  expect(hasHeader(`a,b\nx,${'1'.repeat(1_000_000)}x\n`)).toBe(true);
});

test.each([
  ['x y\n1 2\n3 4\n', true],
  ['station t\nA 1.5\nB 2.5\n', true],
  ['Name        Pop   Area\nNew York    8000  783\nRome        2800  1285\n', true],
  ['name\nNew York\nRome\n', false],
  ['full name\nAna Rey\nBo Li\n', false],
  ['address\n1 Main\n2 Oak\n', false],
  ['n\n1\n2\n', false],
])('%j seems to be separated by spaces: %s', (text, expected) => {
  const dialect = detect(text);
  expect(dialect !== undefined && dialect.columns === 1 && looksSpaced(dialect)).toBe(expected);
});

test('titles, and spaces after delimiters, are found', () => {
  expect(detect('# generated 2024\n# source x\na,b\n1,2\n3,4\n')).toMatchObject({
    header: ['a', 'b'],
    skipThrough: 3,
    titles: { count: 2, line: 1, text: '# generated 2024' },
    sample: [
      ['1', '2'],
      ['3', '4'],
    ],
  });
  expect(detect('# generated 2024\n# source x\na,b\n1,2\n', { comment: '#' })).toMatchObject({ titles: undefined });
  expect(detect('name,   value\nA,   1.5\n')?.stripBlanks).toBe(true);
  expect(detect('name,value\nA, 1.5\n')?.stripBlanks).toBe(false);
});

test('a footer is not part of the sample', () => {
  expect(detect('year,v\n2001,2\n2002,4\nSource: BEA\n')?.sample).toEqual([
    ['2001', '2'],
    ['2002', '4'],
  ]);
});
