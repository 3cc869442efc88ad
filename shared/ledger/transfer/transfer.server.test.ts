import { randomUUID } from 'node:crypto';
import { appendFile, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { fillLedger, insertArchivedRuns } from '../../../tests/fixtures/filled-ledger.ts';
import { admitBatch, manifestDocument } from '../../../tests/fixtures/documents.ts';
import { claimed, registerCompleteAsset, sampleDraft } from '../../../tests/contract/samples.ts';
import { mongoDatabase, NEEDS_MONGODB } from '../../../tests/mongodb.ts';
import { createDatabase } from '../../../tests/servers.ts';
import type { RunDocument } from '../documents.ts';
import type { Ledger } from '../ledger.ts';
import { openLedger, openStoredLedger } from '../open-ledger.ts';
import { exportLedger } from './export-ledger.ts';
import { importLedger } from './import-ledger.ts';
import type { StoredLedger } from './stored-ledger.ts';

let folder: string;
const closers: (() => Promise<unknown>)[] = [];
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sluice export é #'));
});
afterAll(async () => {
  for (const close of closers.reverse()) await close();
  await rm(folder, { recursive: true, force: true });
});

type Kind = 'postgresql' | 'mongodb';
const KINDS: Kind[] = mongoDatabase() === undefined ? ['postgresql'] : ['postgresql', 'mongodb'];
const PAIRS = KINDS.flatMap((from) => KINDS.map((to) => [from, to] as const));

interface Opened {
  ledger: Ledger;
  stored: StoredLedger;
}

/** A new ledger. */
async function open(kind: Kind): Promise<Opened> {
  const database = kind === 'mongodb' ? { url: mongoDatabase() ?? '', drop: undefined } : await createDatabase();
  const env = { LEDGER_URL: database.url, MONGO_CONNECTION_STRING: undefined, CONTROL_DATABASE_URL: undefined };
  const [ledger, stored] = await Promise.all([openLedger(env), openStoredLedger(env)]);
  closers.push(async () => {
    await Promise.all([ledger.close(), stored.close()]);
    await database.drop?.();
  });
  return { ledger, stored };
}

const newFile = () => join(folder, `${randomUUID()}.jsonl`);
const options = (active = false, signal = new AbortController().signal) => ({ active, signal });
const exported = async ({ stored }: Opened) => {
  const file = newFile();
  await exportLedger(file, stored, options());
  return file;
};
const documentLines = async (file: string) => (await readFile(file, 'utf8')).trimEnd().split('\n').slice(1, -1);

if (!KINDS.includes('mongodb')) test.skip(NEEDS_MONGODB, () => undefined);

describe.each(PAIRS)('from %s to %s:', (from, to) => {
  let source: Opened;
  let target: Opened;
  let runs: RunDocument[];
  let file: string;
  beforeAll(async () => {
    [source, target] = [await open(from), await open(to)];
    runs = await fillLedger(source.ledger);
    file = await exported(source);
  });

  test('the imported ledger has the same documents', async () => {
    const lines = await documentLines(file);
    expect(await importLedger(file, target.stored, options())).toEqual({ inserted: lines.length, present: 0 });
    expect(await documentLines(await exported(target))).toEqual(lines);
    expect(new Set(lines.map((line) => (JSON.parse(line) as { collection: string }).collection)).size).toBe(6);
  });

  test('reads of both ledgers are equal, and versions continue', async () => {
    for (const { run_id, batch_id } of runs) {
      expect(await target.ledger.getRun(run_id)).toEqual(await source.ledger.getRun(run_id));
      expect(await target.ledger.listAssets({ run_id })).toEqual(await source.ledger.listAssets({ run_id }));
      expect(await target.ledger.findManifestByBatch(batch_id)).toEqual(
        await source.ledger.findManifestByBatch(batch_id),
      );
    }
    expect(await target.ledger.listRemovals()).toEqual(await source.ledger.listRemovals());
    expect(await target.ledger.listRuns({ archived: true })).toEqual(await source.ledger.listRuns({ archived: true }));
    expect(await target.ledger.listActivity()).toEqual(await source.ledger.listActivity());
    const [{ dataset_id, latest_version } = { dataset_id: '', latest_version: 0 }] = await target.ledger.listDatasets();
    const run = await admitBatch(target.ledger, { datasetId: dataset_id });
    const claim = await claimed(target.ledger, run, 'export-geoparquet');
    const asset = await registerCompleteAsset(target.ledger, claim, sampleDraft(run));
    expect(asset.version).toBe(latest_version + 1);
  });

  test('an interrupted import can be repeated', async () => {
    const interrupted = await open(to);
    const lines = await documentLines(file);
    const abort = new AbortController();
    let batches = 0;
    const failing: StoredLedger = {
      ...interrupted.stored,
      async insertAbsent(collection, documents) {
        if (++batches === 3) abort.abort();
        return interrupted.stored.insertAbsent(collection, documents);
      },
    };
    await expect(importLedger(file, failing, options(false, abort.signal))).rejects.toThrow();
    const present = (await documentLines(await exported(interrupted))).length;
    expect(present).toBeGreaterThan(0);
    expect(present).toBeLessThan(lines.length);
    expect(await importLedger(file, interrupted.stored, options())).toEqual({
      inserted: lines.length - present,
      present,
    });
    expect(await documentLines(await exported(interrupted))).toEqual(lines);
  });

  test('documents whose insert was repeated, because its response was lost, are not reported as present', async () => {
    const repeating = await open(to);
    const { stored } = repeating;
    const lossy: StoredLedger = {
      ...stored,
      async insertAbsent(collection, documents) {
        await stored.insertAbsent(collection, documents);
        return stored.insertAbsent(collection, documents);
      },
    };
    const lines = await documentLines(file);
    expect(await importLedger(file, lossy, options())).toEqual({ inserted: lines.length, present: 0 });
    expect(await documentLines(await exported(repeating))).toEqual(lines);
  });
});

describe.each(KINDS)('%s:', (kind) => {
  let source: Opened;
  let runs: RunDocument[];
  let file: string;
  beforeAll(async () => {
    source = await open(kind);
    runs = await fillLedger(source.ledger);
    file = await exported(source);
  });

  test('rejects a ledger with other values of a document, names the document, and imports nothing', async () => {
    const target = await open(kind);
    await importLedger(file, target.stored, options());
    const [run] = runs;
    const { dataset_id } = run as RunDocument;
    await target.ledger.setRetention(dataset_id, { keep_versions: 7, decided_at: '2030-01-01T00:00:00.000Z' });
    const dataset = await target.ledger.getDataset(dataset_id);
    await expect(importLedger(file, target.stored, options())).rejects.toMatchObject({
      code: 'LEDGER_CONFLICT',
      message:
        `The document ${dataset?._id} of datasets has other values of keep_versions, retention_decided_at ` +
        'in the ledger.',
      details: { collection: 'datasets', _id: dataset?._id },
    });
  });

  test('rejects a batch_id that another manifest has, and names the manifest', async () => {
    const target = await open(kind);
    const [run] = runs;
    const other = { batch_id: run?.batch_id ?? '', manifest_key: 'manifests/other.json' };
    await target.ledger.recordManifest(manifestDocument(other));
    await expect(importLedger(file, target.stored, options())).rejects.toMatchObject({
      code: 'LEDGER_CONFLICT',
      message:
        `A unique value of the document ${run?.manifest_id} of manifests belongs to another document ` +
        '(batch_id) in the ledger.',
    });
  });

  test('rejects active runs, unless they are allowed', async () => {
    const target = await open(kind);
    const run = await admitBatch(target.ledger);
    const active = { code: 'LEDGER_ACTIVE', details: { runs: [run.run_id] } };
    await expect(exportLedger(newFile(), target.stored, options())).rejects.toMatchObject(active);
    await expect(importLedger(file, target.stored, options())).rejects.toMatchObject(active);
    expect(await exportLedger(newFile(), target.stored, options(true))).toMatchObject({ runs: 1, manifests: 1 });
    expect(await importLedger(file, target.stored, options(true))).toMatchObject({ present: 0 });
  });

  test('the export is the state at its start', async () => {
    const target = await open(kind);
    await insertArchivedRuns(target.stored, 250);
    let admitted = 0;
    const writing = { ...target.stored };
    writing.openSnapshot = async () => {
      const snapshot = await target.stored.openSnapshot();
      return {
        ...snapshot,
        async *read(collection) {
          for await (const documents of snapshot.read(collection)) {
            if (collection === 'runs') await admitBatch(target.ledger).then(() => (admitted += 1));
            yield documents;
          }
        },
      };
    };
    expect(await exportLedger(newFile(), writing, options())).toMatchObject({ runs: 250 });
    expect(admitted, 'runs during the export').toBeGreaterThan(1);
    expect(await target.ledger.listRuns({ limit: 1_000 })).toHaveLength(250 + admitted);
  });

  test('an existing file is not replaced, and a failed export leaves no file', async () => {
    const before = await readFile(file, 'utf8');
    await expect(exportLedger(file, source.stored, options())).rejects.toMatchObject({
      code: 'REQUEST_INVALID',
      message: `${file} exists. Choose another file for the export.`,
    });
    expect(await readFile(file, 'utf8')).toBe(before);
    const aborted = join(folder, 'aborted.jsonl');
    await expect(exportLedger(aborted, source.stored, options(false, AbortSignal.abort()))).rejects.toThrow();
    await expect(exportLedger(join(folder, 'missing', 'x'), source.stored, options())).rejects.toMatchObject({
      code: 'REQUEST_INVALID',
    });
    expect((await readdir(folder)).filter((name) => !name.endsWith('.jsonl') || name.startsWith('aborted'))).toEqual(
      [],
    );
  });

  const damages: [string, code: string, message: RegExp, (text: string) => string][] = [
    ['half of it', 'LEDGER_FILE_INVALID', /^Line \d+ of .* is not JSON\.$/, (text) => text.slice(0, text.length / 2)],
    [
      'no trailer',
      'LEDGER_FILE_INVALID',
      /is the last line, but not the trailer: the file is incomplete\.$/,
      (text) => text.slice(0, text.lastIndexOf('\n', text.length - 2) + 1),
    ],
    ['nothing', 'LEDGER_FILE_INVALID', /^Line 0 of /, () => ''],
    [
      'a changed value',
      'LEDGER_FILE_INVALID',
      /has a checksum that does not match the lines before it\.$/,
      (text) => text.replace('"row_count":3', '"row_count":4'),
    ],
    [
      'a missing document',
      'LEDGER_FILE_INVALID',
      /^Line \d+ of .* states \d+ documents of datasets, but the file has \d+\.$/,
      (text) => text.replace(/\n.*\n/, '\n'),
    ],
    [
      'a value that the ledger does not allow',
      'LEDGER_FILE_INVALID',
      /^Line \d+ of .* contains an invalid document [0-9a-f]{24} of assets \(version: /,
      (text) => text.replace('"version":1}}', '"version":0}}'),
    ],
    [
      'an unknown field',
      'LEDGER_FILE_INVALID',
      /contains an invalid document [0-9a-f]{24} of assets \(quality\.note is not a field of it\)\.$/,
      (text) => text.replace('"quality":{', '"quality":{"note":1,'),
    ],
    ['another format', 'LEDGER_FILE_INVALID', /^Line 1 of .* is not the header/, (text) => text.replace(/.*\n/, '')],
    ['lines after the trailer', 'LEDGER_FILE_INVALID', /follows the trailer\.$/, (text) => `${text}{}\n`],
    [
      'a newer format',
      'LEDGER_TOO_NEW',
      / was written by Sluice 9\.9\.9 in format version 2; this release reads versions up to 1\.$/,
      (text) => text.replace(/"release":"[^"]*"/, '"release":"9.9.9"').replace(/"version":1\}\n/, '"version":2}\n'),
    ],
  ];
  test.each(damages)('rejects a file with %s as %s, and imports nothing', async (_, code, message, damage) => {
    const target = await open(kind);
    const damaged = newFile();
    const text = await readFile(file, 'utf8');
    await writeFile(damaged, damage(text));
    expect(await readFile(damaged, 'utf8')).not.toBe(text);
    await expect(importLedger(damaged, target.stored, options())).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message) as string,
    });
    expect(await documentLines(await exported(target))).toEqual([]);
  });

  test('rejects a file that cannot be read or has no line ends', async () => {
    await expect(importLedger(folder, source.stored, options())).rejects.toMatchObject({ code: 'REQUEST_INVALID' });
    await expect(importLedger(newFile(), source.stored, options())).rejects.toMatchObject({ code: 'REQUEST_INVALID' });
    const binary = newFile();
    for (let part = 0; part < 9; part++) await appendFile(binary, Buffer.alloc(8 * 2 ** 20));
    await expect(importLedger(binary, source.stored, options())).rejects.toMatchObject({
      code: 'LEDGER_FILE_INVALID',
      message: `Line 1 of ${binary} is longer than 64 MiB.`,
    });
  });
});
