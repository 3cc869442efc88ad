import { DuckDBInstance, quotedString } from '@duckdb/node-api';
import { expect, test } from 'vitest';
import type { ValueType } from '#shared/contracts/column-types.ts';
import { type Notation, normalizer, normalizeSql } from './notation.ts';

const CASES: [ValueType, Notation, text: string, plain: string][] = [
  ['double', { decimal: '.' }, '1.5', '1.5'],
  ['double', { decimal: ',' }, '1,5', '1.5'],
  ['double', { decimal: ',' }, '1.500', '1_500'],
  ['double', { decimal: ',', thousands: '.' }, '-1.234.567,89', '-1234567.89'],
  ['double', { decimal: ',', thousands: '.' }, '1.50', '1_50'],
  ['bigint', { decimal: '.', thousands: ',' }, '1,234', '1234'],
  ['bigint', { decimal: '.', thousands: ',' }, '1,23', '1,23'],
  ['bigint', { decimal: '.', thousands: ',' }, '1234', '1234'],
  ['decimal', { decimal: ',', thousands: ' ' }, '12\u00a0345\u202f678,5', '12345678.5'],
  ['bigint', { decimal: '.', thousands: "'" }, "1'234", '1234'],
  ['double', { decimal: ',', percent: true }, '12,5 %', '12.5'],
  ['double', { decimal: '.', percent: true }, '7%', '7'],
  ['double', { decimal: '.' }, '7%', '7%'],
  ['text', { decimal: ',', thousands: '.' }, '1.234,5', '1.234,5'],
  ['date', { decimal: '.', date: 'DD.MM.YYYY' }, '31.12.2023', '2023-12-31'],
  ['date', { decimal: '.', date: 'DD.MM.YYYY' }, '1.2.2023', '2023-02-01'],
  ['date', { decimal: '.', date: 'DD.MM.YYYY' }, '2023-12-31', '2023-12-31'],
  ['date', { decimal: '.', date: 'DD.MM.YYYY' }, '31/12/2023', '31/12/2023'],
  ['date', { decimal: '.', date: 'MM/DD/YYYY' }, '12/31/2023', '2023-12-31'],
  ['date', { decimal: '.', date: 'DD/MM/YYYY' }, '1/12/2023', '2023-12-01'],
  ['date', { decimal: '.', date: 'MM-DD-YYYY' }, '10-05-2023', '2023-10-05'],
  ['date', { decimal: '.', date: 'YYYY/MM/DD' }, '2023/1/5', '2023-01-05'],
  ['date', { decimal: '.', date: 'YYYYMMDD' }, '20231231', '2023-12-31'],
  ['timestamp', { decimal: '.', date: 'DD.MM.YYYY' }, '31.12.2023 14:05', '2023-12-31 14:05'],
  ['timestamptz', { decimal: '.', date: 'MM/DD/YYYY' }, '1/2/2023 10:00-0530', '2023-01-02 10:00-0530'],
];

test.each(CASES)('a %s in the notation %j: %s is %s', (type, notation, text, plain) => {
  expect(normalizer(type, notation)(text)).toBe(plain);
});

test('DuckDB normalizes the same values', async () => {
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  const values = CASES.map(([type, notation, text]) => normalizeSql(type, quotedString(text), notation));
  const reader = await connection.runAndReadAll(`select unnest([${values.join(', ')}])`);
  expect(reader.getRows().flat()).toEqual(CASES.map(([, , , plain]) => plain));
  instance.closeSync();
});
