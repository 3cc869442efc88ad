import { expect, test } from 'vitest';
import { printable, textProblem, visibleText } from './visible-text.ts';

test.each([
  'b1',
  'straßen #1 + é/../x',
  '山田　太郎',
  'सड़कें',
  'نمی‌خواهم', // With a zero width non-joiner.
  '👩‍🚀 ❤️', // With a zero width joiner and a variation selector.
  'a_\u00a0b',
  '-',
  '€',
])('accepts %j as an identifier', (text) => expect(textProblem(text, { identifier: true })).toBeUndefined());

test.each([
  ['\u202e', 'must not contain the bidirectional control character U+202E'],
  ['roads\u202egpj.exe', 'must not contain the bidirectional control character U+202E'],
  ['a\u061cb', 'must not contain the bidirectional control character U+061C'],
  ['a\u0000b', 'must not contain the control character U+0000'],
  ['a\nb', 'must not contain the control character U+000A'],
  ['a\u009bb', 'must not contain the control character U+009B'],
  ['a\u2028b', 'must not contain the line separator U+2028'],
  ['a\ufeffb', 'must not contain the invisible character U+FEFF'],
  ['a\u00adb', 'must not contain the invisible character U+00AD'],
  ['a\u200bb', 'must not contain the invisible character U+200B'],
  ['a\u{e0041}b', 'must not contain the invisible character U+E0041'],
  ['a\u3164b', 'must not contain the invisible character U+3164'],
  ['a\ue000b', 'must not contain the private-use character U+E000'],
  ['a\u0378b', 'must not contain the unassigned character U+0378'],
  ['a\uffffb', 'must not contain the unassigned character U+FFFF'],
  ['a\ud800b', 'must not contain the lone surrogate U+D800'],
  [' ', 'must contain a visible character, not only U+0020'],
  ['\u200d\u200c', 'must contain a visible character, not only U+200D, U+200C'],
  ['\u00a0 \u2003\u3000\u2800', 'must contain a visible character, not only U+00A0, U+0020, U+2003, …'],
  ['\u0301', 'must contain a visible character, not only U+0301'],
  [' b1', 'must not begin or end with a space'],
  ['b1\u3000', 'must not begin or end with a space'],
  ['cafe\u0301', 'must be in the Unicode normalization form NFC: write U+0065 U+0301 as U+00E9'],
  ['\u212b', 'must be in the Unicode normalization form NFC: write U+212B as U+00C5'],
])('rejects %j as an identifier', (text, problem) => expect(textProblem(text, { identifier: true })).toBe(problem));

test('free text need not be normalized, and can have several lines if the rule allows it', () => {
  expect(textProblem(' cafe\u0301 ')).toBeUndefined();
  expect(textProblem('a\r\n\tb', { multiline: true })).toBeUndefined();
  expect(textProblem('a\u000bb', { multiline: true })).toBe('must not contain the control character U+000B');
  expect(textProblem('\n', { multiline: true })).toBe('must contain a visible character, not only U+000A');
});

test('a schema reports one problem of a text', () => {
  const messages = (text: string) =>
    visibleText(3)
      .safeParse(text)
      .error?.issues.map(({ message }) => message);
  expect(messages('\u202e')).toEqual(['must not contain the bidirectional control character U+202E']);
  expect(messages('')).toHaveLength(1);
  expect(messages('abc')).toBeUndefined();
});

test('printable replaces what is not displayed, and keeps joiners', () => {
  expect(printable('a\u0007\u009b\u202eb\u200d\u{10ffff}')).toBe('a\ufffd\ufffd\ufffdb\u200d\ufffd');
});
