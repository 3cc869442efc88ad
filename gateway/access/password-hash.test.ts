import { expect, test } from 'vitest';
import { hashPassword, isPasswordHash, verifyPassword, PasswordChecks } from './password-hash.ts';

const PASSWORD = 'pässword with spaces é 🔑';

test('a hash states its parameters, and matches its password only', async () => {
  const hash = await hashPassword(PASSWORD);
  expect(hash).toMatch(/^\$scrypt\$ln=15,r=8,p=3\$[\w+/]{22}\$[\w+/]{43}$/);
  expect(await verifyPassword(PASSWORD, hash)).toBe(true);
  expect(await verifyPassword(`${PASSWORD} `, hash)).toBe(false);
  expect(await verifyPassword('', hash)).toBe(false);
  expect(await hashPassword(PASSWORD)).not.toBe(hash);
});

test('two Unicode forms of a password are the same password', async () => {
  expect(await verifyPassword('caf\u0065\u0301 au lait', await hashPassword('caf\u00e9 au lait'))).toBe(true);
});

test('verifies the test vector of RFC 7914 with its own parameters', async () => {
  const encode = (bytes: Buffer) => bytes.toString('base64').replaceAll('=', '');
  const derived =
    '7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2' +
    'd5432955613f0fcf62d49705242a9af9e61e85dc0d651e40dfcf017b45575887';
  const hash = `$scrypt$ln=14,r=8,p=1$${encode(Buffer.from('SodiumChloride'))}$${encode(Buffer.from(derived, 'hex'))}`;
  expect(await verifyPassword('pleaseletmein', hash)).toBe(true);
  expect(await verifyPassword('pleaseletmeout', hash)).toBe(false);
});

test.each([
  'password',
  '$scrypt$ln=15,r=8,p=3$c2FsdHNhbHQ',
  '$2b$12$abcdefghijklmnopqrstuv',
  '$scrypt$ln=30,r=8,p=1$c2FsdHNhbHQ$c2FsdHNhbHRzYWx0c2FsdHNhbHQ',
  '$scrypt$ln=15,r=99,p=1$c2FsdHNhbHQ$c2FsdHNhbHRzYWx0c2FsdHNhbHQ',
])('%s is not a hash, and matches nothing', async (text) => {
  expect(isPasswordHash(text)).toBe(false);
  expect(await verifyPassword(text, text)).toBe(false);
});

test('the waiting checks of one network are limited, and those of others start', async () => {
  const checks = new PasswordChecks();
  const hash = await hashPassword('correct horse battery');
  const verify = (address: string) => checks.verify('wrong', hash, address);
  const first = Array.from({ length: 4 }, async (_, n) => verify(`2001:db8::${n}`));
  await expect(verify('2001:db8::5')).rejects.toMatchObject({ code: 'TOO_MANY_ATTEMPTS', retryAfterSeconds: 5 });
  await expect(verify('192.0.2.1')).resolves.toBe(false);
  expect(await Promise.all(first)).toEqual([false, false, false, false]);
  await expect(verify('2001:db8::5')).resolves.toBe(false);
});
