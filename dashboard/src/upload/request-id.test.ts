import { expect, test } from 'vitest';
import { newRequestId, RequestIds } from './request-id.ts';

test('a request id is a UUID of version 7 with its time', () => {
  for (let count = 0; count < 100; count += 1) {
    const id = newRequestId(0x01890a5dac96);
    expect(id).toMatch(/^01890a5d-ac96-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  }
});

test('a draft keeps its id until it changes', () => {
  const ids = new RequestIds();
  const first = ids.of({ dataset_id: 'straßen' });
  expect(ids.of({ dataset_id: 'straßen' })).toBe(first);
  expect(ids.of({ dataset_id: 'wege' })).not.toBe(first);
});
