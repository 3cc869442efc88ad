import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Context } from '#shared/runtime/context.ts';
import { type LandingFixture, openLandingFixture } from '../../tests/fixtures/landing.ts';
import { FORMAT_WRITERS, type RandomRow, randomRows } from '../../tests/fixtures/random-rows.ts';
import { ingestFile, PROPERTY_OPTIONS, PROPERTY_TEST } from '../../tests/fixtures/random-run.ts';
import { openFunctionContext } from '../../tests/function-context.ts';
import { readGeoParquet } from '../../tests/geoparquet.ts';

/** Random rows of each format arrive in the asset with the bits that the file stores. hyparquet reads the asset. */

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

const bits = (value: unknown) => {
  if (value === null) return null;
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleBE(Number(value));
  return bytes.toString('hex');
};
const textOf = (value: unknown) => (value instanceof Uint8Array ? Buffer.from(value).toString() : value);
/** A coordinate of a point in WKB, little-endian. */
const coordinate = (wkb: unknown, at: number) => bits(Buffer.from(wkb as Uint8Array).readDoubleLE(at));

const COLUMNS = ['d', 'i', 's', 'x', 'y'] as const satisfies (keyof RandomRow)[];

test.each(FORMAT_WRITERS)('random rows keep their bits in $format', PROPERTY_TEST, async (writer) => {
  const { format, write, isText = () => true, text = (same: string) => same, columns = {}, crs } = writer;
  const compared = COLUMNS.filter((name) => !(name in columns) || columns[name] !== undefined);
  let number = 0;
  await fc.assert(
    fc.asyncProperty(randomRows(isText), async (rows) => {
      const name = `random-${format.replaceAll(' ', '-')}-${++number}`;
      const file = { path: await write(landing, name, rows), format, ...(crs === undefined ? {} : { crs }) };
      const { bytes } = await ingestFile(context, 'vector', file);
      const assetRows = (await readGeoParquet(await landing.file(`${name}.parquet`, bytes))).rows;
      const found = assetRows.map((row) => {
        const value = (column: 'd' | 'i' | 's') => textOf(row[columns[column] ?? column]);
        return { d: bits(value('d')), i: String(value('i')), s: value('s'), geom: row.geom };
      });
      const select = (all: Record<string, unknown>) => JSON.stringify(compared.map((column) => all[column]));
      expect(
        found.map(({ geom, ...row }) => select({ ...row, x: coordinate(geom, 5), y: coordinate(geom, 13) })).toSorted(),
      ).toEqual(
        rows
          .map(({ d, i, s, x, y }) => select({ d: bits(d), i: String(i), s: text(s), x: bits(x), y: bits(y) }))
          .toSorted(), // The export orders the rows by their position.
      );
    }),
    PROPERTY_OPTIONS,
  );
});
