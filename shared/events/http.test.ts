import { describe, expect, test } from 'vitest';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import type { SluiceEvent } from './event.ts';
import { MAX_EVENT_BYTES, readEvent, writeEvent, readError, writeError } from './http.ts';

const event: SluiceEvent = {
  specversion: '1.0',
  id: '1/é #😀 "a" 100%',
  source: '/sluice',
  type: 'sluice.table.loaded',
  subject: 'straße 7',
  time: '2026-01-02T03:04:05.678Z',
  datacontenttype: 'application/json',
  traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
  data: { name: 'größe', n: [1, null, true] },
};
const structured = (attributes: object) =>
  readEvent({ 'content-type': 'application/cloudevents+json' }, JSON.stringify({ ...event, ...attributes }));

describe('events over HTTP', () => {
  test('binary mode keeps text that is not ASCII in attributes', () => {
    const { status, headers, body } = writeEvent(event);
    expect(status).toBe(200);
    expect(headers['ce-id']).toBe('1/%C3%A9%20#%F0%9F%98%80%20%22a%22%20100%25');
    expect(readEvent(headers, Buffer.from(body))).toEqual(event);
  });

  test('structured mode is accepted with any parameters and case of the content type', () => {
    expect(
      readEvent(
        { 'Content-Type': 'Application/CloudEvents+JSON; charset=UTF-8; profile="a;b"' },
        JSON.stringify(event),
      ),
    ).toEqual(event);
  });

  test('binary mode accepts JSON types with parameters and suffixes', () => {
    const { headers, body } = writeEvent(event);
    expect(readEvent({ ...headers, 'content-type': 'application/vnd.sluice+json;charset=utf-8' }, body)).toEqual(event);
  });

  test('a header with plain UTF-8 bytes, as decoded by Node, is read as text', () => {
    const { headers, body } = writeEvent(event);
    expect(readEvent({ ...headers, 'ce-subject': Buffer.from('straße 7').toString('latin1') }, body).subject).toBe(
      'straße 7',
    );
  });

  test('an event without data or time is accepted', () => {
    const read = readEvent({ 'ce-specversion': '1.0', 'ce-id': '7', 'ce-source': '/x', 'ce-type': 't' }, '');
    expect(read).toMatchObject({ id: '7', source: '/x', type: 't', data: undefined });
    expect(Date.parse(read.time)).toBeGreaterThan(0);
  });

  test('data in base64 is decoded', () => {
    expect(structured({ data: undefined, data_base64: Buffer.from('{"a":"é"}').toString('base64') }).data).toEqual({
      a: 'é',
    });
  });

  test.each<[string, () => SluiceEvent, RegExp]>([
    ['a plain request', () => readEvent({}, '{}'), /neither ce- headers nor a structured body/],
    [
      'a missing source',
      () => readEvent({ 'ce-specversion': '1.0', 'ce-id': '7', 'ce-type': 't' }, ''),
      /: source is missing/,
    ],
    ['version 0.3', () => structured({ specversion: '0.3' }), /specversion is 0\.3/],
    [
      '100,000 attributes',
      () => structured(Object.fromEntries(Array.from({ length: 80_000 }, (_, index) => [`x${index}`, 1]))),
      /it has 80009 attributes; at most 100 are allowed/,
    ],
    ['an id that is a number', () => structured({ id: 1 }), /id is missing/],
    ['an invalid time', () => structured({ time: 'yesterday' }), /time must match format "date-time"/],
    ['an extension with a capital', () => structured({ traceParent: 'x' }), /invalid extension name: traceParent/],
    [
      'a body that is not JSON',
      () => readEvent({ 'content-type': 'application/cloudevents+json' }, '{'),
      /the body is not JSON/,
    ],
    [
      'a body that is not UTF-8',
      () => readEvent({ 'content-type': 'application/cloudevents+json' }, new Uint8Array([0x22, 0xff, 0x22])),
      /not UTF-8/,
    ],
    [
      'XML data',
      () => readEvent({ ...writeEvent(event).headers, 'content-type': 'text/xml' }, '<a/>'),
      /data must be JSON/,
    ],
    [
      'a batch',
      () => readEvent({ 'content-type': 'application/cloudevents-batch+json' }, '[]'),
      /one event in a request/,
    ],
    [
      'an event that is too large',
      () => structured({ data: 'x'.repeat(MAX_EVENT_BYTES) }),
      /larger than 1048576 bytes/,
    ],
  ])('rejects %s', (_what, read, message) => {
    expect(read).toThrow(
      expect.objectContaining({ code: 'EVENT_INVALID', message: expect.stringMatching(message) as string }) as Error,
    );
  });
});

describe('errors over HTTP', () => {
  test.each([
    [new SluiceError('CRS_MISSING', 'roads é.shp has no CRS', { details: { file: 'roads é.shp' } }), 422, undefined],
    [new SluiceError('STORE_UNAVAILABLE', 'away', { retryAfterSeconds: 2.5 }), 503, '3'],
    [new SluiceError('STEP_BUSY', 'busy', { retryAfterSeconds: 2 }), 409, '2'],
    [new SluiceError('INTERNAL', 'odd'), 503, '1'],
  ])('%s keeps its code, message and retryability', (error, status, retryAfter) => {
    const reply = writeError(error);
    expect([reply.status, reply.headers['retry-after']]).toEqual([status, retryAfter]);
    const read = readError('f', reply.status, reply.headers['retry-after'], reply.body);
    expect(read.toDocument()).toEqual(error.toDocument());
  });

  test.each([
    [408, 'STEP_TIMEOUT', true],
    [409, 'STEP_BUSY', true],
    [429, 'STEP_BUSY', true],
    [500, 'FUNCTION_UNAVAILABLE', true],
    [502, 'FUNCTION_UNAVAILABLE', true],
    [504, 'STEP_TIMEOUT', true],
    [400, 'REQUEST_INVALID', false],
    [404, 'FUNCTION_NOT_FOUND', false],
    [413, 'REQUEST_INVALID', false],
    [302, 'REQUEST_INVALID', false],
  ])('status %i without an error document is %s', (status, code, retryable) => {
    const error = readError('load-to-postgis', status, undefined, '<html>Bad Gateway</html>');
    expect([error.code, error.retryable]).toEqual([code, retryable]);
    expect(error.message).toContain(`load-to-postgis responded with status ${status}: <html>`);
  });

  test('when document and status disagree about a retry, the status decides, as for a broker', () => {
    const error = readError(
      'f',
      500,
      '7',
      JSON.stringify({ error: { code: 'CRS_MISSING', message: 'm', details: {} } }),
    );
    expect([error.code, error.retryAfterSeconds]).toEqual(['FUNCTION_UNAVAILABLE', 7]);
  });
});
