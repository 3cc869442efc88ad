import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { AssetDocument } from '#shared/ledger/documents.ts';
import type { Context } from '#shared/runtime/context.ts';
import { exactValue, readExactTable } from '../../tests/fixtures/exact-values.ts';
import { type LandingFixture, openLandingFixture } from '../../tests/fixtures/landing.ts';
import { type RandomColumn, randomColumns, type RandomKind } from '../../tests/fixtures/random-columns.ts';
import { hasGeometry, rowsOf } from '../../tests/fixtures/random-markup.ts';
import { LAYER_WRITERS } from '../../tests/fixtures/random-layers.ts';
import { ingestFile, PROPERTY_OPTIONS, PROPERTY_TEST } from '../../tests/fixtures/random-run.ts';
import { openFunctionContext } from '../../tests/function-context.ts';

/** Random columns of all types, with missing values and geometries, arrive from each vector format. */

let landing: LandingFixture;
let context: Context & AsyncDisposable;
beforeAll(async () => {
  landing = await openLandingFixture();
  context = await openFunctionContext({ S3_ENDPOINT: landing.env.S3_ENDPOINT ?? '' });
});
afterAll(async () => {
  await context[Symbol.asyncDispose]();
  await landing[Symbol.asyncDispose]();
});

test.each(LAYER_WRITERS)('random columns keep their values in $format', PROPERTY_TEST, async (writer) => {
  const { format, types, write, isText, crs, rename = numbered, hasAllGeometries, stored = (same) => same } = writer;
  const random = randomColumns(Object.keys(types) as RandomKind[], isText).map(rename);
  await fc.assert(
    fc.asyncProperty(random, async (columns) => {
      const path = await write(landing, `r${randomUUID()}`, columns);
      const file = { path, format, ...(crs === undefined ? {} : { crs }) };
      const { asset, bytes } = await ingestFile(context, 'vector', file);
      const { names, rows } = await readExactTable(bytes);
      const typeOf = (name: string) => asset.columns.find((column) => column.name === name)?.type ?? '';
      const keys = columns[0]?.values.map((key) => exactValue(typeOf('key'), key ?? '')) ?? [];
      const positionOf = (row: unknown[]) => keys.indexOf(String(row[names.indexOf('key')]));
      const ordered = rows.toSorted((a, b) => positionOf(a) - positionOf(b));
      for (const { name, kind, values } of columns) {
        const found = nameInAsset(asset, name);
        const type = typeOf(found);
        if (name !== 'key') expect(type).toMatch(types[kind] ?? /^$/);
        const expected = values.map((value) => {
          const text = stored(value, kind, name);
          return text === null ? null : exactValue(type, text);
        });
        expect([name, ordered.map((row) => row[names.indexOf(found)])]).toEqual([name, expected]);
      }
      const geometries = ordered.map((row) => row[names.indexOf('geom')] !== null);
      expect(geometries).toEqual(rowsOf(columns).map((row) => hasAllGeometries === true || hasGeometry(row)));
    }),
    PROPERTY_OPTIONS,
  );
});

const numbered = (columns: RandomColumn[]) =>
  columns.map((column, index) => (index === 0 ? column : { ...column, name: `c${index}` }));

/** The name of a column in the asset; another one only with a note. */
function nameInAsset({ columns, quality }: AssetDocument, name: string): string {
  const renamed = quality.notes.find(
    ({ code, message }) =>
      code === 'COLUMN_RENAMED' && message.startsWith(`Column ${JSON.stringify(name)} was renamed`),
  )?.column;
  const found = renamed ?? name;
  assert(
    columns.some((column) => column.name === found),
    `The asset has no column ${JSON.stringify(name)}.`,
  );
  return found;
}
