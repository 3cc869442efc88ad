import { expect, test } from 'vitest';
import { withCharset } from './mapinfo-charset.ts';

const MIF = 'Version 300\r\nCharset "Neutral"\r\nDelimiter ","\r\nColumns 1\r\n  charset Char(10)\r\nData\r\n';
const TAB =
  '!table\n!version 300\n!charset Neutral\n\nDefinition Table\n  Type NATIVE Charset "Neutral"\n  Fields 1\n    charset Char (20) ;\n';

test.each([
  [MIF, MIF.replace('Neutral', 'X')],
  [MIF.replace('Charset "Neutral"\r\n', ''), MIF.replace('Charset "Neutral"\r\n', 'Charset "X"\n')],
  [MIF.replace('"Neutral"', '""'), MIF.replace('Neutral', 'X')],
  [TAB, TAB.replaceAll('Neutral', 'X')],
  [
    TAB.replace('!charset Neutral\n', '').replace(' Charset "Neutral"', ''),
    TAB.replace('Neutral', 'X').replace(' Charset "Neutral"', ''),
  ],
  [
    '!table\r\n\r\nDefinition Table\r\n  Type NATIVE\r\n  Fields 1\r\n',
    '!table\r\n!charset X\n\r\nDefinition Table\r\n  Type NATIVE\r\n  Fields 1\r\n',
  ],
])('replaces the charset of a header (%#)', (header, replaced) => {
  expect(withCharset(header, 'X')).toBe(replaced);
});
