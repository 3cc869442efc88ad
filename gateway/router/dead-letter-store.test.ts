import { expect, test } from 'vitest';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import type { SluiceEvent } from '#shared/events/event.ts';
import { assertStorable, jobIdOf } from './delivery-data.ts';
import { deadLetterEvent } from './dead-letter-store.ts';

const event: SluiceEvent = {
  specversion: '1.0',
  id: 'a',
  source: '/s',
  type: 't',
  time: '2026-01-01T00:00:00Z',
  datacontenttype: 'application/json',
  data: { file: 'a b#é.shp' },
};
const dataOf = (letter: SluiceEvent) => Buffer.from(letter.knativeerrordata ?? '', 'base64');

test('the dead-letter event has the attributes of Knative', () => {
  const error = new SluiceError('CRS_MISSING', 'a b#é.shp has no CRS', { details: { file: 'a b#é.shp' } });
  const letter = deadLetterEvent(event, 'load-to-postgis', error);
  expect(letter).toMatchObject({ ...event, knativeerrordest: 'load-to-postgis', knativeerrorcode: '422' });
  expect(JSON.parse(dataOf(letter).toString())).toEqual({ error: error.toDocument() });
});

test.each(['x', 'é', '😀', '"'])('shortens a long error of %s to 768 bytes of JSON, with its code', (character) => {
  const data = dataOf(
    deadLetterEvent(
      event,
      'f',
      new SluiceError('STORE_UNAVAILABLE', character.repeat(5000), { details: { long: 'y'.repeat(9000) } }),
    ),
  );
  expect(data.length).toBeLessThanOrEqual(768);
  expect(data.length).toBeGreaterThan(600);
  expect(JSON.parse(data.toString())).toMatchObject({
    error: { code: 'STORE_UNAVAILABLE', message: expect.stringMatching(/^.+…$/su) as string },
  });
});

test('rejects events that jsonb rejects, and accepts escaped backslashes', () => {
  const rejection = expect.objectContaining({ code: 'EVENT_INVALID' }) as Error;
  expect(() => assertStorable({ ...event, data: 'a\0' })).toThrow(rejection);
  expect(() => assertStorable({ ...event, data: '\\\0' })).toThrow(rejection);
  expect(() => assertStorable({ ...event, data: '\udfff' })).toThrow(rejection);
  expect(() => assertStorable({ ...event, data: 'x'.repeat(2 ** 20) })).toThrow(rejection);
  expect(() => assertStorable({ ...event, data: 'C:\\u0000\\ud800 😀' })).not.toThrow();
});

test('derives the job id from source, id and function', () => {
  expect(jobIdOf({ ...event, time: '2027-01-01T00:00:00Z' }, 'f')).toBe(jobIdOf(event, 'f'));
  expect(
    new Set([
      jobIdOf(event, 'f'),
      jobIdOf(event, 'g'),
      jobIdOf({ ...event, id: 'b' }, 'f'),
      jobIdOf({ ...event, source: '/t' }, 'f'),
    ]).size,
  ).toBe(4);
});
