import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { ManifestDocument } from '#shared/ledger/documents.ts';
import { vectorManifest } from '../function-context.ts';
import { startTestSluice, type TestSluice } from '../running-sluice.ts';

const COUNTRIES = new URL('../../gateway/console/sample/countries.zip', import.meta.url);
const GOOD_FILE = 'gut #1/länder + é.zip';
/** A batch takes less than a second on an idle machine. */
const POLL = { timeout: 30_000, interval: 50 };

let sluice: TestSluice;
beforeAll(async () => {
  sluice = await startTestSluice();
  await sluice.context.objects.put('landing-zone', GOOD_FILE, await readFile(COUNTRIES));
});
afterAll(() => sluice[Symbol.asyncDispose]());

/** Uploads a manifest, waits until it is archived, and returns its document. */
async function untilArchived(key: string, body: string | Buffer | object): Promise<ManifestDocument> {
  const { objects, ledger } = sluice.context;
  await objects.put(
    'landing-zone',
    key,
    typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body),
  );
  const archived = await vi.waitFor(async () => {
    const [document] = await ledger.findManifestsByKey(key);
    expect(document?.archive_key, `${key} is archived`).toBe(`archive/${key}`);
    return document;
  }, POLL);
  expect(await objects.head('landing-zone', key), `${key} was moved`).toBeUndefined();
  expect((await objects.head('landing-zone', `archive/${key}`))?.size).toBeTypeOf('number');
  assert(archived !== undefined, `${key} has no document.`);
  return archived;
}

/** A valid batch succeeds, and no working data and no dead letters remain. */
async function expectValidBatchSucceeds(batchId: string): Promise<void> {
  const document = await untilArchived(
    `manifests/${batchId}.json`,
    vectorManifest(batchId, GOOD_FILE, { metadata: { tags: { dataset_id: 'gut' } } }),
  );
  expect(document).toMatchObject({ status: 'success', error: null });
  await vi.waitFor(async () => expect(await sluice.context.postgis.listRunSchemas()).toEqual([]), POLL);
  expect(await sluice.router.listDeadLetters()).toEqual([]);
}

const good = vectorManifest('x', GOOD_FILE);
const withPath = (path: string) => ({ ...good, files: [{ path, type: 'vector', format: 'GPKG' }] });
const MEGABYTE = 2 ** 20;

test.each<[name: string, code: string, message: RegExp, body: string | Buffer | object]>([
  ['text', 'MANIFEST_NOT_JSON', /line 1, column 1/, 'batch: 1'],
  ['a cut manifest', 'MANIFEST_NOT_JSON', /line 1, column 15/, '{"batch_id": "'],
  ['nothing', 'MANIFEST_NOT_JSON', /is empty/, ' '],
  ['Latin-1', 'MANIFEST_NOT_UTF8', /byte 18/, Buffer.from('{"batch_id": "Stra\xdfe"}', 'latin1')],
  ['50 MB of JSON', 'MANIFEST_TOO_LARGE', /larger than 1048576 bytes/, `{"batch_id":"${'x'.repeat(50 * MEGABYTE)}"}`],
  [
    'half a megabyte of brackets',
    'MANIFEST_INVALID',
    /nested deeper than 32 levels/,
    '['.repeat(MEGABYTE / 4) + ']'.repeat(MEGABYTE / 4),
  ],
  ['a list', 'MANIFEST_INVALID', /must be an object, not a list/, '[]'],
  [
    'a name twice',
    'MANIFEST_INVALID',
    /uploader is repeated/,
    JSON.stringify(good).replace('"uploader"', '"uploader":"eve","uploader"'),
  ],
  [
    'an unknown field',
    'MANIFEST_INVALID',
    /metdata is an unknown field; expected one of batch_id, /,
    { ...good, metdata: {} },
  ],
  ['a wrong type', 'MANIFEST_INVALID', /batch_id must be a string, not 7/, { ...good, batch_id: 7 }],
  [
    'a NUL',
    'MANIFEST_INVALID',
    /metadata\.description contains a character/,
    JSON.stringify({ ...good, metadata: { description: 'a\0b' } }),
  ],
  ['no files', 'MANIFEST_INVALID', /at least one file/, { ...good, files: [] }],
  [
    'a file of another type',
    'MANIFEST_INVALID',
    /files\[0\]\.type is "vector", but intent ingest_tabular/,
    { ...good, intent: 'ingest_tabular' },
  ],
  [
    'a missing file',
    'FILE_MISSING',
    /s3:\/\/landing-zone\/nö\.gpkg \(files\[0\]\.path\)/,
    withPath('s3://landing-zone/nö.gpkg'),
  ],
  [
    'another bucket',
    'FILE_OUTSIDE_LANDING_ZONE',
    /names the bucket "data-lake"/,
    withPath('s3://data-lake/gut/x.parquet'),
  ],
  ['..', 'FILE_OUTSIDE_LANDING_ZONE', /"\.\." segment/, withPath('s3://landing-zone/../data-lake/x')],
  ['/vsi', 'FILE_OUTSIDE_LANDING_ZONE', /virtual path of GDAL/, withPath('/vsicurl/http://127.0.0.1:9/x.shp')],
  ['a file of the machine', 'FILE_OUTSIDE_LANDING_ZONE', /does not start with s3:/, withPath('/etc/passwd')],
  ['a database', 'FILE_OUTSIDE_LANDING_ZONE', /does not start with s3:/, withPath('PG:dbname=postgres')],
])('%s is rejected with %s and archived', async (name, code, message, body) => {
  const document = await untilArchived(`manifests/${name.replaceAll('/', '_')} é #.json`, body);
  expect(document).toMatchObject({
    status: 'failure',
    run_id: null,
    batch_id: null,
    error: { code, message: expect.stringMatching(message) },
  });
});

test('a valid batch succeeds after all of them', () => expectValidBatchSucceeds('nach allen'));

test.each<[name: string, code: string, content: string, format: string]>([
  ['a corrupt zip.zip', 'ARCHIVE_UNREADABLE', 'PK\x03\x04 no more', 'ESRI Shapefile'],
  ['a GeoPackage that is text.gpkg', 'FORMAT_MISMATCH', 'this is not a database', 'GPKG'],
  ['an unknown format.dwg', 'FORMAT_NOT_SUPPORTED', 'AC1032', 'DWG'],
])(
  '%s: the run fails with %s, the manifest is archived, and the next batch succeeds',
  async (name, code, content, format) => {
    const file = `schlecht/${name}`;
    await sluice.context.objects.put('landing-zone', file, content);
    const document = await untilArchived(`manifests/${name}.json`, {
      ...good,
      batch_id: name,
      files: [{ path: `s3://landing-zone/${file}`, type: 'vector', format }],
    });
    expect(document).toMatchObject({ status: 'failure', error: { code, message: expect.stringContaining(name) } });
    expect(await sluice.context.ledger.getRun(document.run_id ?? '')).toMatchObject({
      status: 'failure',
      asset_ids: [],
      error: { code },
    });
    await expectValidBatchSucceeds(`nach ${name}`);
  },
);
