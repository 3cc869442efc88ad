import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ERROR_CODES } from '#shared/errors/codes.ts';
import { INPUT_CODES } from '#shared/errors/input-codes.ts';
import { chooseCrs } from '#shared/gdal/crs/choose-crs.ts';
import { notesOfSample } from '#shared/tables/sample-notes.ts';
import { RUN_VIEW } from '../../tests/fixtures/run-view.ts';
import { withLocalNames, withOptions } from './local-names.ts';

test.each([
  ['Set `crs` for the file in the manifest.', 'Set --crs.'],
  ['Set `encoding` of the file in the manifest, such as UTF-16LE.', 'Set --encoding, such as UTF-16LE.'],
  ['Set `crs` to EPSG:n, OGC:CRS84 or WKT.', 'Set --crs to EPSG:n, OGC:CRS84 or WKT.'],
  ['Remove its `crs` members, and set `crs` in the manifest.', 'Remove its `crs` members, and set --crs.'],
  [
    'Set `x_column` and `y_column`, or `wkt_column`, in the manifest.',
    'Set --x-column and --y-column, or --wkt-column.',
  ],
  ['Set metadata.tabular.delimiter.', 'Set --delimiter.'],
  ['Set `metadata.raster.nodata` in the manifest to use the value.', 'Set --nodata to use the value.'],
  [
    'at most 0 may be rejected (metadata.tabular.max_rejected_rows, --max-rejected).',
    'at most 0 may be rejected (--max-rejected).',
  ],
  ['Declare the type with metadata.tabular.columns.', 'Declare the type with --column-type.'],
  [
    'Declare the type with metadata.tabular.columns: {"größe \\"m\\"": "bigint"}.',
    'Declare the type with --column-type "größe \\"m\\"=bigint".',
  ],
  [
    'Leave out lines that are not data (metadata.tabular.skip_lines, metadata.tabular.comment).',
    'Leave out lines that are not data (--skip-lines, --comment).',
  ],
  ['To read another sheet, set metadata.tabular.sheet.', 'To read another sheet, set --sheet.'],
  ['or set metadata.join_config.allow_duplicate_keys to get', 'or set --allow-duplicates to get'],
  ['metadata.join_config.left_key: roads has no column "id".', '--on: roads has no column "id".'],
  ['metadata.recipe.steps[0].crs: is missing.', '--recipe: steps[0].crs: is missing.'],
  ['Correct the line, and upload the file again.', 'Correct the line, and run the command again.'],
])('%s', (text, expected) => expect(withOptions(text)).toBe(expected));

test('the error about a missing CRS names the option', async () => {
  const limits = { gdal: {} as never, signal: AbortSignal.timeout(60_000) };
  const thrown: unknown = await chooseCrs(
    { file: 'a b.csv', declared: undefined },
    async () => undefined,
    limits,
  ).catch((error: unknown) => error);
  const { message } = thrown as Error;
  expect(withOptions(message)).toBe(
    'a b.csv contains no coordinate reference system, and --crs is not set. Set --crs.',
  );
});

test('the advice for errors of data names no field of the manifest', () => {
  // The manifest of a command is valid, and its files are uploaded before it.
  const ofManifest = Object.keys(INPUT_CODES).filter((code) =>
    /^(?:MANIFEST|BATCH|FILE_MISSING|FILE_OUTSIDE)/.test(code),
  );
  const shown = Object.entries(ERROR_CODES)
    .filter(([code]) => !ofManifest.includes(code))
    .map(([code, { action }]) => `${code}: ${withOptions(action)}`);
  expect(shown.filter((text) => /in the manifest|metadata\.|`(?:crs|layer|encoding|format)`/.test(text))).toEqual([]);
});

const COMMENT = /^\s*(?:\/\*|\*|\/\/).*$/gm;

test('no message in the code of the functions keeps the words "in the manifest"', () => {
  const root = join(import.meta.dirname, '../..');
  const sources = ['functions', 'shared/gdal', 'shared/tables', 'shared/text', 'shared/formats', 'shared/landing']
    .flatMap((folder) =>
      readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).map((name) => join(folder, name)),
    )
    .filter((name) => /(?<!\.test)\.ts$/.test(name));
  const messages = sources.flatMap(
    (name) =>
      readFileSync(join(root, name), 'utf8')
        .replaceAll(COMMENT, '')
        .match(/['`](?:[^'\n]*?)in the manifest[^'\n]*/g) ?? [],
  );
  const fields = messages
    .map((text) => text.replaceAll('\\`', '`'))
    .filter((text) => /`[a-z_.]+`[^']*in the manifest/.test(text));
  expect(fields.length).toBeGreaterThan(20);
  expect(fields.map(withOptions).filter((text) => text.includes('in the manifest'))).toEqual([]);
});

test('messages about the type of a column name the option', () => {
  const messageOf = (sample: string[]) => {
    const rows = sample.map((value) => [value]);
    const column = { name: 'größe #1', position: 0, candidates: [], escaped: false };
    return withOptions(notesOfSample([column], rows, { decimal: '.' }, 'a.csv')[0]?.message ?? '');
  };
  expect(messageOf(['2024-01-31', '2024-02-01 10:00'])).toMatch(
    /To read all of them as times, declare the type with --column-type "größe #1=timestamp"\.$/,
  );
  expect(messageOf(['1', '2', '3', 'Total'])).toMatch(
    /leave out lines that are not data \(--skip-lines, --comment\), or declare the type with --column-type\.$/,
  );
});

test('an error and the notes of assets name the files of the user', () => {
  const keys = ['roads-1/a.csv', 'roads-1/a.csv.zip'];
  const batch = {
    uploads: keys.map((key) => ({
      key,
      path: join(
        process.cwd(),
        key.replace('roads-1', () => 'daten é $&'),
      ),
      size: 1,
    })),
    manifest: { files: [{ path: 's3://landing-zone/roads-1/a.csv' }] } as never,
  };
  const file = 's3://landing-zone/roads-1/a.csv.zip';
  const error = {
    code: 'CRS_MISSING' as const,
    message: `${file}: s3://landing-zone/roads-1/a.csv has no CRS. Set \`crs\` in the manifest.`,
    details: { file, field: 'files[0].crs', row: 7 },
  };
  expect(withLocalNames({ ...RUN_VIEW, error }, batch).error).toEqual({
    code: 'CRS_MISSING',
    message: 'daten é $&/a.csv.zip: daten é $&/a.csv has no CRS. Set --crs.',
    details: { file: 'daten é $&/a.csv.zip', field: '--crs', row: 7 },
  });
  expect(withLocalNames(RUN_VIEW, batch).error).toBeNull();
});
