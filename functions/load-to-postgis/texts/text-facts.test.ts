import { expect, test } from 'vitest';
import { isExactDouble, TextFacts } from './text-facts.ts';

function typeOf(declared: string | undefined, values: readonly string[]): string {
  const facts = new TextFacts(declared);
  for (const value of values) facts.add(value);
  return facts.type();
}

test.each([
  [['1', '-22', ' 3\n', ''], 'bigint'],
  [['1', '2.5', '1e-3', '-0'], 'double precision'],
  [['0.30000000000000004', '1e-320'], 'double precision'],
  [['1', '0.1234567890123456789'], 'numeric(20,19)'],
  [['12345678901234567890.5', '1'], 'numeric(21,1)'],
  [['9223372036854775808'], 'character varying'],
  [['1e400'], 'character varying'],
  [['007', '8'], 'character varying'],
  [['+5'], 'character varying'],
  [['true', 'FALSE'], 'boolean'],
  [['2024-02-29', '1789-07-14'], 'date'],
  [['2023-02-29'], 'character varying'],
  [['2016-12-31T23:59:60Z'], 'character varying'],
  [['2024-02-29T10:00:00.123456Z'], 'timestamp with time zone'],
  [['2024-02-29T10:00:00', '2024-02-29 10:00'], 'timestamp without time zone'],
  [['10:30:00'], 'character varying'],
  [['NaN', '1.5'], 'character varying'],
  [['', ' '], 'character varying'],
])('without a declared type, %j is %s', (values, type) => expect(typeOf(undefined, values)).toBe(type));

test.each([
  ['Integer', ['1', '+07', '-22'], 'integer'],
  ['Integer', ['2147483648'], 'bigint'],
  ['Integer(Int16)', ['32767'], 'smallint'],
  ['Integer(Int16)', ['32768'], 'integer'],
  ['Integer', ['1.5'], 'double precision'],
  ['Integer', ['n/a'], 'character varying'],
  ['Integer64', ['123456789012345678901234'], 'numeric(24,0)'],
  ['Integer(Boolean)', ['1', '0', 'true'], 'boolean'],
  ['Integer(Boolean)', ['2'], 'bigint'],
  ['Real', ['1', '2'], 'double precision'],
  ['Real', ['INF', '-Infinity', 'NaN', '0'], 'double precision'],
  ['Real', ['9007199254740993'], 'bigint'],
  ['Date', ['2024-02-29'], 'date'],
  ['Time', ['10:30:00.5'], 'time without time zone'],
  ['DateTime', ['2024-02-29'], 'date'],
  ['DateTime', [], 'timestamp with time zone'],
])('declared as %s, %j is %s', (declared, values, type) => expect(typeOf(declared, values)).toBe(type));

test.each([
  ['0.1', true],
  ['1234.099999999999909', true],
  ['0.333333333333333315', true],
  ['1234567890123456', true],
  ['1234567890123456.7', false],
  ['12345678901234567890', false],
  ['1.23456789012345e-300', true],
  ['1e400', false],
  ['1e-400', false],
  ['0.000', true],
])('%s is the text of a double: %s', (text, isExact) => expect(isExactDouble(text)).toBe(isExact));
