import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Context } from '#shared/runtime/context.ts';
import { exactValue, readExactTable } from '../../tests/fixtures/exact-values.ts';
import { type RandomColumn, randomColumns, type RandomKind } from '../../tests/fixtures/random-columns.ts';
import {
  isOdsText,
  odsWriter,
  SHEET_KINDS,
  storedInSheet,
  withExcelDays,
  xlsxWriter,
} from '../../tests/fixtures/random-sheets.ts';
import { ingestFile, PROPERTY_OPTIONS, PROPERTY_TEST } from '../../tests/fixtures/random-run.ts';
import { openFunctionContext } from '../../tests/function-context.ts';

/**
 * Random tables of each format arrive with every value. Each kind of values has the types that its column may
 * have: the exact one, or text, which keeps the characters of the file.
 */

let context: Context & AsyncDisposable;
beforeAll(async () => {
  context = await openFunctionContext();
});
afterAll(() => context[Symbol.asyncDispose]());

/** A decimal whose digits a double has may be one. */
const TYPES: Partial<Record<RandomKind, RegExp>> = {
  text: /^text$/,
  boolean: /^boolean$/,
  integer: /^bigint$/,
  double: /^double precision$/,
  decimal: /^(numeric|double)/,
  date: /^date$/,
  time: /^text$/,
  timestamp: /^timestamp without time zone$/,
  timestamptz: /^timestamp with time zone$/,
  json: /^json$/,
  milliseconds: /^timestamp without time zone$/,
  clock: /^text$/,
};
const OF_SHEETS = ['milliseconds', 'clock'];
const KINDS = (Object.keys(TYPES) as RandomKind[]).filter((kind) => kind !== 'json' && !OF_SHEETS.includes(kind));

interface TableWriter {
  format: string;
  extension: string;
  columns: fc.Arbitrary<RandomColumn[]>;
  write: fc.Arbitrary<(columns: readonly RandomColumn[]) => string | Buffer>;
  /** What the file stores for a value; the same by default. */
  stored?: (value: string | null, kind: RandomKind) => string | null;
}

/** The lines of a table, of which a missing value is an empty field. */
const lines = (columns: readonly RandomColumn[], write: (text: string) => string, delimiter: string, end: string) =>
  [
    columns.map(({ name }) => write(name)),
    ...rowsOf(columns).map((row) => row.map((cell) => (cell === null ? '' : write(cell)))),
  ]
    .map((cells) => cells.join(delimiter) + end)
    .join('');

const rowsOf = (columns: readonly RandomColumn[]) =>
  (columns[0]?.values ?? []).map((_, row) => columns.map(({ values }) => values[row] ?? null));

const quoted = (text: string) => `"${text.replaceAll('"', '""')}"`;

const WRITERS: TableWriter[] = [
  {
    format: 'CSV',
    extension: 'csv',
    columns: randomColumns(KINDS),
    write: fc
      .record({
        delimiter: fc.constantFrom(',', ';', '\t', '|'),
        end: fc.constantFrom('\n', '\r\n'),
        all: fc.boolean(),
      })
      .map(({ delimiter, end, all }) => {
        const isPlain = /^(?! )[^",;\t|\r\n]+(?<! )$/;
        const write = (text: string) => (!all && isPlain.test(text) ? text : quoted(text));
        return (columns) => lines(columns, write, delimiter, end);
      }),
  },
  {
    format: 'TSV',
    extension: 'tsv',
    columns: randomColumns(KINDS, (text) => !/^$|[\t\r\n]/.test(text)),
    write: fc.constant((columns) => lines(columns, (text) => text, '\t', '\n')),
  },
  {
    format: 'JSONL',
    extension: 'jsonl',
    columns: randomColumns([...KINDS, 'json']).map((columns) =>
      columns.filter(({ name }, index) => columns.findIndex((other) => other.name === name) === index),
    ),
    write: fc.constant((columns) => {
      const isRaw = /^(boolean|integer|double|decimal|json)$/;
      const token = ({ kind }: RandomColumn, value: string | null) =>
        value === null || isRaw.test(kind) ? String(value) : JSON.stringify(value);
      const object = (row: readonly (string | null)[]) =>
        columns.map((column, at) => `${JSON.stringify(column.name)}:${token(column, row[at] ?? null)}`).join(',');
      return rowsOf(columns)
        .map((row) => `{${object(row)}}\n`)
        .join('');
    }),
  },
  {
    format: 'XLSX',
    extension: 'xlsx',
    columns: randomColumns(SHEET_KINDS).map(withExcelDays),
    write: xlsxWriter,
    stored: storedInSheet,
  },
  {
    format: 'ODS',
    extension: 'ods',
    columns: randomColumns(SHEET_KINDS, isOdsText),
    write: odsWriter,
    stored: storedInSheet,
  },
];

test.each(WRITERS)(
  'random tables keep their values in $format',
  PROPERTY_TEST,
  async ({ format, extension, columns, write, stored = (same) => same }) => {
    await fc.assert(
      fc.asyncProperty(columns, write, async (table, text) => {
        const key = `${randomUUID()}.${extension}`;
        await context.objects.put(context.env.LANDING_BUCKET, key, text(table));
        const file = { path: `s3://${context.env.LANDING_BUCKET}/${key}`, format };
        const tabular = format === 'JSONL' ? {} : { tabular: { header: true } };
        const { asset, bytes } = await ingestFile(context, 'tabular', file, tabular);
        expect(asset.rejected_rows?.count).toBe(0);
        expect(asset.columns).toEqual(
          table.map(({ kind }) => ({
            name: expect.any(String),
            type: expect.stringMatching(TYPES[kind] ?? /^$/) as string,
          })),
        );
        const renamed = asset.quality.notes.filter(({ code }) => code === 'COLUMN_RENAMED').map(({ column }) => column);
        const names = asset.columns.map(({ name }, index) =>
          renamed.includes(name) ? table[index]?.name.trim() : name,
        );
        expect(names).toEqual(table.map(({ name }) => name.trim()));
        const exported = await readExactTable(bytes);
        expect(exported.names).toEqual(asset.columns.map(({ name }) => name));
        expect(exported.rows).toEqual(
          rowsOf(table).map((row) =>
            row.map((value, index) => {
              const text = stored(value, table[index]?.kind ?? 'text');
              return text === null ? null : exactValue(asset.columns[index]?.type ?? '', text);
            }),
          ),
        );
      }),
      PROPERTY_OPTIONS,
    );
  },
);
