import { expect, test } from 'vitest';
import { isExpired, newSession, readSession, signSession, signText, stampOf, verifyText } from './sessions.ts';

const KEY = Buffer.alloc(32, 1);
const TIMES = { maxMs: 1_000, idleMs: 100 };

test('a signed session is read with its key only', () => {
  const session = newSession({ name: 'ana', stamp: stampOf('hash', KEY) }, 5_000);
  const signed = signSession(session, KEY);
  expect(readSession(signed, KEY)).toEqual(session);
  expect(readSession(signed, Buffer.alloc(32, 2))).toBeUndefined();
});

test('the stamp of a password cannot be computed without the key', () => {
  expect(stampOf('hash', KEY)).toBe(stampOf('hash', KEY));
  expect(stampOf('hash', KEY)).not.toBe(stampOf('hash', Buffer.alloc(32, 2)));
  expect(stampOf('hash', KEY)).not.toBe(stampOf('other', KEY));
});

test('a changed session is not read', () => {
  const signed = signSession(newSession({ name: 'ana' }, 5_000), KEY);
  const [version = '', payload = '', signature = ''] = signed.split('.');
  const forged = Buffer.from(Buffer.from(payload, 'base64url').toString().replace('ana', 'eve')).toString('base64url');
  const changed = [
    `${version}.${forged}.${signature}`,
    `v2.${payload}.${signature}`,
    `${version}.${payload}.`,
    `${version}.${payload}`,
    `${version}.${payload}.${signature.slice(1)}`,
    '',
    '...',
  ];
  for (const text of changed) expect([text, readSession(text, KEY)]).toEqual([text, undefined]);
});

test('a signature for one purpose is not valid for another one', () => {
  const signed = signText(JSON.stringify(newSession({ name: 'ana', role: 'admin' }, 0)), KEY, 'oidc');
  expect(verifyText(signed, KEY, 'oidc')).toBeDefined();
  expect(readSession(signed, KEY)).toBeUndefined();
  expect(readSession(signed.replace(/^oidc/, 'v1'), KEY)).toBeUndefined();
});

test('a session ends after its time, and without requests', () => {
  const session = { ...newSession({ name: 'ana' }, 5_000), used: 5_950 };
  expect(isExpired(session, TIMES, 5_999)).toBe(false);
  expect(isExpired(session, TIMES, 6_000)).toBe(true);
  const idle = newSession({ name: 'ana' }, 5_000);
  expect(isExpired(idle, TIMES, 5_099)).toBe(false);
  expect(isExpired(idle, TIMES, 5_100)).toBe(true);
});
