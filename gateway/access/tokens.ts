import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';

/** Tokens of programs. A token has 256 random bits, so its SHA-256 hash cannot be reversed by trying. */

/** The prefix, by which people and scanners recognize a token in a text. */
const PREFIX = 'sluice_';
const TOKEN_BYTES = 32;

/** A new token. Only `hashToken` of it is stored. */
export function createToken(): string {
  return PREFIX + randomBytes(TOKEN_BYTES).toString('base64url');
}

/** SHA-256 of the token in hexadecimal. */
export function hashToken(token: string): string {
  return createHash('sha256').update(token).digest('hex');
}

/** Compares secrets in constant time. timingSafeEqual needs equal lengths, and hashes do not reveal the length. */
export function isSameSecret(sent: string, expected: string): boolean {
  const hash = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(hash(sent), hash(expected));
}
