import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { z } from 'zod';
import { ROLES } from './route-roles.ts';

/**
 * Sessions of the dashboard. The cookie contains the session, signed with HMAC-SHA-256. So a session survives a
 * restart, and is valid at every gateway with the same key.
 */

const SessionSchema = z.strictObject({
  id: z.string(),
  name: z.string(),
  /** When the user logged in, and when the session was last used. Milliseconds since 1970. */
  started: z.number(),
  used: z.number(),
  /** `stampOf` the password hash with which the user logged in. */
  stamp: z.string().optional(),
  /** The role that the OpenID provider gave the user. Users of the file have the role of the file. */
  role: z.enum(ROLES).optional(),
});
export type Session = z.infer<typeof SessionSchema>;

const VERSION = 'v1';
const ID_BYTES = 16;

/** Identifies a password hash to owners of the key of the sessions: a session with another one has ended. */
export function stampOf(passwordHash: string, key: Buffer): string {
  return createHmac('sha256', key).update(`stamp ${passwordHash}`).digest('base64url').slice(0, 22);
}

export function newSession(user: Pick<Session, 'name' | 'stamp' | 'role'>, now: number): Session {
  return { id: randomBytes(ID_BYTES).toString('base64url'), ...user, started: now, used: now };
}

export function signSession(session: Session, key: Buffer): string {
  return signText(JSON.stringify(session), key, VERSION);
}

/** The session of a cookie. Undefined if the signature does not match. Expiry is checked by `isExpired`. */
export function readSession(text: string, key: Buffer): Session | undefined {
  const payload = verifyText(text, key, VERSION);
  return payload === undefined ? undefined : SessionSchema.safeParse(JSON.parse(payload)).data;
}

export interface SessionTimes {
  /** Longest time since the login. */
  maxMs: number;
  /** Longest time since the last request. */
  idleMs: number;
}

export function isExpired({ started, used }: Session, { maxMs, idleMs }: SessionTimes, now: number): boolean {
  return now >= started + maxMs || now >= used + idleMs || used > now + MAX_CLOCK_SKEW_MS;
}

/** Largest clock difference between gateways that is tolerated. */
const MAX_CLOCK_SKEW_MS = 60_000;

/** Signs a text for a purpose: a signature for one purpose is not valid for another one. */
export function signText(text: string, key: Buffer, purpose: string): string {
  const payload = Buffer.from(text).toString('base64url');
  return `${purpose}.${payload}.${signature(payload, key, purpose).toString('base64url')}`;
}

/** The text of `signText`, or undefined if the signature does not match. */
export function verifyText(signed: string, key: Buffer, purpose: string): string | undefined {
  const [sentPurpose, payload = '', sent = ''] = signed.split('.', 3);
  const [expected, received] = [signature(payload, key, purpose), Buffer.from(sent, 'base64url')];
  if (sentPurpose !== purpose || received.length !== expected.length) return undefined;
  return timingSafeEqual(received, expected) ? Buffer.from(payload, 'base64url').toString() : undefined;
}

function signature(payload: string, key: Buffer, purpose: string): Buffer {
  return createHmac('sha256', key).update(`${purpose}.${payload}`).digest();
}
