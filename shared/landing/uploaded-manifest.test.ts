import { describe, expect, test } from 'vitest';
import { claimedBatchId, rawText, rejectedManifest } from './uploaded-manifest.ts';

describe('the document of a rejected manifest', () => {
  test.each([
    ['{"batch_id":"b 1","files":5}', 'b 1'],
    ['{"batch_id":7}', null],
    [`{"batch_id":"${'x'.repeat(129)}"}`, null],
    ['{"batch_id":"b', null],
    ['null', null],
    ['{"batch_id":"a\\u0000"}', 'a\ufffd'],
  ])('keeps the batch_id of an invalid manifest (%#)', (text, batchId) =>
    expect(claimedBatchId(Buffer.from(text))).toBe(batchId),
  );

  test('keeps the text, without characters that cannot be stored', () => {
    expect(rawText(Buffer.from([0x61, 0x00, 0xff]))).toBe('a\ufffd\ufffd');
    expect(rawText(Buffer.alloc(100_000, 0x20))).toHaveLength(65_536);
  });
});

test('has the same id for a repeated notification, and another id for another upload of the same text', () => {
  const upload = (eventId: string) =>
    rejectedManifest({
      eventId,
      key: 'manifests/b 1.json',
      object: undefined,
      error: { code: 'MANIFEST_GONE', message: 'The manifest was deleted.', details: {} },
    });
  expect(upload('r1.h1')._id).toBe(upload('r1.h1')._id);
  expect(upload('r1.h1')._id).not.toBe(upload('r2.h1')._id);
  expect(upload('r1.h1')).toMatchObject({
    batch_id: null,
    claimed_batch_id: null,
    status: 'failure',
    run_id: null,
    raw: null,
    error: { code: 'MANIFEST_GONE' },
  });
});
