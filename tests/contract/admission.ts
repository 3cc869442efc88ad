import { describe, expect, test } from 'vitest';
import type { OpenedLedger } from './opened-ledger.ts';
import { admitBatch, newBatch, newBatchId } from '../fixtures/documents.ts';
import { rejected } from './samples.ts';
import { deterministicId } from '#shared/events/event.ts';
import { LANE_STEPS, LANES } from '#shared/contracts/lanes.ts';

export function admissionContract(on: OpenedLedger): void {
  describe('admission', () => {
    test.each(LANES)('a new %s manifest starts a run whose steps are pending', async (lane) => {
      const { manifest, run, dataset } = newBatch({ lane });
      expect(await on.ledger.admitManifest(manifest, run, dataset)).toEqual({ outcome: 'admitted', manifest, run });
      expect(await on.second.getManifest(manifest._id)).toEqual(manifest);
      const stored = await on.second.getRun(run.run_id);
      expect(stored).toEqual(run);
      expect(stored?.steps.map((step) => [step.name, step.status])).toEqual(
        LANE_STEPS[lane].map((step) => [step, 'pending']),
      );
      expect(await on.second.listDatasets()).toContainEqual(dataset);
    });

    test('the same manifest again is a repeat, and returns the stored documents', async () => {
      const { manifest, run, dataset } = newBatch();
      await on.ledger.admitManifest(manifest, run, dataset);
      await on.ledger.endRun(run.run_id, 'canceled', null);
      const later = { ...manifest, created_at: new Date().toISOString() };
      expect(await on.second.admitManifest(later, { ...run, created_at: later.created_at }, dataset)).toEqual({
        outcome: 'repeat',
        manifest,
        run: await on.ledger.getRun(run.run_id),
      });
    });

    test.each([
      ['under another key', (batchId: string) => ({ batchId, key: 'manifests/copy.json' })],
      ['with another body', (batchId: string) => ({ batchId, sha256: 'c'.repeat(64) })],
    ])('the batch_id of an admitted manifest is taken for one %s', async (_label, other) => {
      const first = newBatch();
      await on.ledger.admitManifest(first.manifest, first.run, first.dataset);
      const second = newBatch(other(first.manifest.batch_id ?? ''));
      expect(await on.second.admitManifest(second.manifest, second.run, second.dataset)).toEqual({
        outcome: 'batch_taken',
        manifest: first.manifest,
      });
      expect(await on.ledger.getManifest(second.manifest._id)).toBeUndefined();
      expect(await on.ledger.listRuns({ batch_id: first.run.batch_id })).toEqual([first.run]);
    });

    test('concurrent deliveries of one manifest admit it once', async () => {
      const { manifest, run, dataset } = newBatch();
      const results = await Promise.all(
        Array.from({ length: 40 }, (_, index) =>
          (index % 2 ? on.ledger : on.second).admitManifest(manifest, run, dataset),
        ),
      );
      expect(results.map((result) => result.outcome).sort()).toEqual([
        'admitted',
        ...Array.from({ length: 39 }, () => 'repeat'),
      ]);
      expect(await on.ledger.listRuns({ batch_id: run.batch_id })).toHaveLength(1);
    });

    test('of different manifests with one batch_id at the same time, one is admitted and the others return it', async () => {
      const batchId = newBatchId();
      const samples = Array.from({ length: 20 }, (_, index) =>
        newBatch({ batchId, sha256: deterministicId('body', index) }),
      );
      const results = await Promise.all(
        samples.map(({ manifest, run, dataset }, index) =>
          (index % 2 ? on.ledger : on.second).admitManifest(manifest, run, dataset),
        ),
      );
      const winner = results.find((result) => result.outcome === 'admitted');
      expect(results.filter((result) => result.outcome === 'batch_taken')).toHaveLength(19);
      expect(new Set(results.map((result) => result.manifest._id))).toEqual(new Set([winner?.manifest._id]));
    });

    test('a rejected manifest does not use its batch_id, is found by it, and can be admitted later', async () => {
      const { manifest, run, dataset } = newBatch();
      const refused = rejected({ manifest, run, dataset }, '{"batch_id": …');
      expect(await on.ledger.recordManifest(refused)).toEqual(refused);
      expect(await on.ledger.recordManifest({ ...refused, raw: 'changed' })).toEqual(refused);
      expect(await on.second.findManifestByBatch(run.batch_id)).toEqual(refused);
      expect((await on.ledger.admitManifest(manifest, run, dataset)).outcome).toBe('admitted');
      expect(await on.second.findManifestByBatch(run.batch_id)).toEqual(manifest);
      expect((await on.second.admitManifest(manifest, run, dataset)).outcome).toBe('repeat');
    });

    test('another manifest can use the batch_id of a rejected one; the admitted one is found', async () => {
      const wrong = newBatch();
      await on.ledger.recordManifest(rejected(wrong, '{'));
      const right = newBatch({ batchId: wrong.run.batch_id, sha256: 'c'.repeat(64) });
      expect((await on.ledger.admitManifest(right.manifest, right.run, right.dataset)).outcome).toBe('admitted');
      expect(await on.ledger.findManifestByBatch(right.run.batch_id)).toEqual(right.manifest);
      expect(
        (await on.ledger.findManifestsByKey(right.manifest.manifest_key)).map((document) => document._id).sort(),
      ).toEqual([right.manifest._id, wrong.manifest._id].sort());
    });

    test('a recorded manifest cannot take the batch_id of an admitted one', async () => {
      const run = await admitBatch(on.ledger);
      const other = newBatch({ batchId: run.batch_id, sha256: 'c'.repeat(64) });
      await expect(on.second.recordManifest({ ...other.manifest, run_id: null, lane: null })).rejects.toMatchObject({
        code: 'BATCH_ID_TAKEN',
      });
    });

    test('a missing document is undefined', async () => {
      expect(await on.ledger.getManifest('0'.repeat(24))).toBeUndefined();
      expect(await on.ledger.findManifestByBatch('no such batch')).toBeUndefined();
      expect(await on.ledger.findManifestsByKey('manifests/none.json')).toEqual([]);
      expect(await on.ledger.getRun('00000000-0000-8000-8000-000000000000')).toBeUndefined();
    });

    test('the archive key is stored; a repeat changes nothing', async () => {
      const { manifest, run, dataset } = newBatch();
      await on.ledger.admitManifest(manifest, run, dataset);
      await on.ledger.markManifestArchived(manifest._id, 'archive/a b.json');
      const marked = await on.ledger.getManifest(manifest._id);
      await on.second.markManifestArchived(manifest._id, 'archive/a b.json');
      expect(await on.ledger.getManifest(manifest._id)).toEqual(marked);
      expect(marked).toMatchObject({ archive_key: 'archive/a b.json', status: 'running' });
    });
  });

  describe('text that databases reject', () => {
    const tags = {
      $where: '1',
      'a.b.c': { $set: { 'x.y': 1 } },
      __proto__x: 'p',
      'quote\' " \\ `': '\' " \\ ` ;--',
      emoji: '🗺️',
      größe: 'ﬀ ß',
      deep: [[{ a: null }]],
      number: 1e308,
      long: 'x'.repeat(70_000),
    };

    test('tags are stored unchanged', async () => {
      const { manifest, run, dataset } = newBatch({ metadata: { tags } });
      await on.ledger.admitManifest(manifest, run, dataset);
      expect((await on.second.getRun(run.run_id))?.manifest).toEqual(run.manifest);
      expect((await on.second.getManifest(manifest._id))?.body).toEqual(manifest.body);
    });

    test.each([
      ['a NUL character in a value', { note: 'a\0b' }, 'metadata.tags.note'],
      ['a NUL character in a name', { 'a\0b': 1 }, 'metadata.tags.a'],
      ['an unpaired surrogate', { note: 'x\ud83d' }, 'metadata.tags.note'],
    ])('%s is rejected, and nothing is stored', async (_label, hostile, field) => {
      const { manifest, run, dataset } = newBatch();
      // The schema of the manifest rejects such tags at admission. The ledger does not rely on it.
      const body = { ...run.manifest, metadata: { ...run.manifest.metadata, tags: hostile } };
      const refusal = on.ledger.admitManifest({ ...manifest, body }, { ...run, manifest: body }, dataset);
      await expect(refusal).rejects.toMatchObject({ code: 'REQUEST_INVALID', message: expect.stringContaining(field) });
      expect(await on.ledger.getManifest(manifest._id)).toBeUndefined();
      expect(await on.ledger.getRun(run.run_id)).toBeUndefined();
    });

    test('a backslash escape in the text is not a NUL character', async () => {
      const run = await admitBatch(on.ledger, { metadata: { tags: { note: '\\u0000 and \\\\u0000' } } });
      expect((await on.second.getRun(run.run_id))?.manifest).toEqual(run.manifest);
    });

    test('the raw text and the error of a rejected manifest can contain any character', async () => {
      const document = rejected(newBatch(), 'raw \0 and \ud83d');
      const stored = await on.ledger.recordManifest({
        ...document,
        error: { code: 'MANIFEST_NOT_JSON', message: 'near "\0"', details: { 'at\0': ['\udc00'] } },
      });
      expect(stored.raw).toBe('raw \uFFFD and \uFFFD');
      expect(stored.error).toEqual({
        code: 'MANIFEST_NOT_JSON',
        message: 'near "\uFFFD"',
        details: { 'at\uFFFD': ['\uFFFD'] },
      });
    });

    test('rejects an invalid document and names the field', async () => {
      const { manifest, run, dataset } = newBatch();
      const wrong = on.ledger.admitManifest(manifest, { ...run, run_id: 'not a uuid' }, dataset);
      await expect(wrong).rejects.toMatchObject({
        code: 'REQUEST_INVALID',
        message: expect.stringContaining('run_id'),
      });
    });
  });
}
