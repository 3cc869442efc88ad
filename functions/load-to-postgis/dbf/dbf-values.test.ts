import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parseDbfFields } from '../readers/dbf-header.ts';
import { readDbfFacts } from './dbf-values.ts';

/** The facts about one field with these values. */
async function factsOf(type: string, decimals: number, values: string[], width = 20) {
  const header = Buffer.alloc(65);
  header.write('COL', 32);
  header.write(type, 43);
  header.writeUInt8(width, 48);
  header.writeUInt8(decimals, 49);
  header.writeUInt8(0x0d, 64);
  const folder = await mkdtemp(join(tmpdir(), 'sluice-dbf-'));
  const path = join(folder, 'a.dbf');
  await writeFile(path, Buffer.concat([header, ...values.map((value) => Buffer.from(` ${value.padEnd(width)}`))]));
  try {
    const options = { headerBytes: header.length, recordBytes: width + 1 };
    const [facts] = await readDbfFacts(path, parseDbfFields(header), options, AbortSignal.timeout(10_000));
    return facts;
  } finally {
    await rm(folder, { recursive: true });
  }
}

test.each([
  ['N', 0, 9, ['1', '', '-22'], 'integer'],
  ['N', 0, 12, ['1'], 'bigint'],
  ['N', 0, 20, ['1234567890123456789', '+1'], 'bigint'],
  ['N', 0, 20, ['12345678901234567890'], 'numeric'],
  ['N', 0, 9, ['1', '1.5'], 'double precision'],
  ['N', 0, 20, ['1234567890123456789', '0.5'], 'numeric'],
  ['N', 15, 24, ['0.100000000000000', '1234.099999999999909'], 'double precision'],
  ['N', 15, 40, ['1234567890123456789.12345'], 'numeric'],
  ['F', 11, 19, ['1.23456789012e+003', 'nan'], 'double precision'],
] as const)(
  '%s with %d decimals and width %d, with values %s, is stored as %s',
  async (type, decimals, width, values, number) =>
    expect(await factsOf(type, decimals, [...values], width)).toEqual({ overflows: 0, padded: 0, number }),
);

test('finds asterisks, blanks before a text, and values of another type', async () => {
  expect(await factsOf('N', 0, ['*****', '7'], 9)).toEqual({ overflows: 1, padded: 0, number: 'integer' });
  expect(await factsOf('C', 0, [' a', 'b'])).toMatchObject({ padded: 1, marker: 0x1f });
  expect(await factsOf('C', 0, [' a', '\u001fb'])).toMatchObject({ padded: 1, marker: 0x1e });
  expect(await factsOf('N', 0, ['7', 'n/a'])).toMatchObject({ number: undefined, invalid: { row: 2, text: 'n/a' } });
  expect(await factsOf('D', 0, ['20240229', '00000000', ''])).not.toHaveProperty('invalid');
  expect(await factsOf('D', 0, ['20230229'])).toMatchObject({ invalid: { row: 1, text: '20230229' } });
});
