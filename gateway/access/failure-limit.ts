import { isIPv6 } from 'node:net';
import { SluiceError } from '#shared/errors/sluice-error.ts';

/** A failure counts for this time. */
export const WINDOW_MS = 15 * 60_000;
/** Failures within the window. Further attempts are rejected without a check, also with the right password. */
export const MAX_FAILURES = {
  /** Failures of one user from one address. */
  pair: 10,
  /** Failures from one address, with any name. */
  address: 50,
  /** Of one user, from any address. It is high, because others can lock out a user with it. */
  user: 200,
};
/** Beyond this number, the oldest entry is removed. An entry has about 200 bytes. */
export const MAX_ENTRIES = 20_000;

interface Entry {
  failures: number;
  endsAt: number;
}

/** Counts the failed logins of users and addresses, in bounded memory. Each gateway counts separately. */
export class FailureLimit {
  readonly #now: () => number;
  /** The counted failures by key, in the order of `endsAt`. */
  #entries = new Map<string, Entry>();

  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  get size(): number {
    return this.#entries.size;
  }

  /**
   * Rejects an attempt without counting it. Throws TOO_MANY_ATTEMPTS. `user` is undefined for a token.
   */
  check(user: string | undefined, address: string): void {
    const now = this.#now();
    const ends = keysOf(user, networkOf(address)).flatMap(([key, max]) => {
      const entry = this.#current(key, now);
      return entry !== undefined && entry.failures >= max ? [entry.endsAt] : [];
    });
    if (ends.length === 0) return;
    const seconds = Math.max(1, Math.ceil((Math.max(...ends) - now) / 1000));
    throw new SluiceError('TOO_MANY_ATTEMPTS', `Too many failed logins. Try again in ${seconds} s.`, {
      retryAfterSeconds: seconds,
    });
  }

  /**
   * Counts an attempt before its check, so that concurrent attempts are limited, too. Call the returned function if the
   * attempt succeeds. Throws TOO_MANY_ATTEMPTS. `user` is undefined for a token.
   */
  begin(user: string | undefined, address: string): () => void {
    this.check(user, address);
    const keys = keysOf(user, networkOf(address));
    const now = this.#now();
    for (const [key] of keys) this.#add(key, now);
    return () => {
      for (const [key] of keys) this.#subtract(key);
    };
  }

  #current(key: string, now: number): Entry | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined || entry.endsAt > now) return entry;
    this.#entries.delete(key);
    return undefined;
  }

  #add(key: string, now: number): void {
    const entry = this.#current(key, now);
    if (entry !== undefined) return void (entry.failures += 1);
    if (this.#entries.size >= MAX_ENTRIES) this.#entries.delete(this.#entries.keys().next().value ?? '');
    this.#entries.set(key, { failures: 1, endsAt: now + WINDOW_MS });
  }

  #subtract(key: string): void {
    const entry = this.#entries.get(key);
    if (entry !== undefined) entry.failures = Math.max(0, entry.failures - 1);
  }
}

/** Longer names, which no user has, are cut to bound the memory. */
const MAX_NAME_CHARACTERS = 100;

function keysOf(user: string | undefined, address: string): [key: string, max: number][] {
  if (user === undefined) return [[`address ${address}`, MAX_FAILURES.address]];
  const name = user.slice(0, MAX_NAME_CHARACTERS);
  return [
    [`pair ${address} ${name}`, MAX_FAILURES.pair],
    [`address ${address}`, MAX_FAILURES.address],
    [`user ${name}`, MAX_FAILURES.user],
  ];
}

/** Parts of an IPv6 address that identify the network. A machine has 2^64 addresses in it. */
const NETWORK_PARTS = 4;

/** The network of an IPv6 address, and an IPv4 address itself. */
export function networkOf(address: string): string {
  if (!isIPv6(address)) return address;
  const mapped = /^::ffff:([\d.]+)$/i.exec(address)?.[1];
  if (mapped !== undefined) return mapped;
  const [head = '', tail] = address.split('::', 2);
  const parts = head.split(':').filter(Boolean);
  const missing = tail === undefined ? 0 : 8 - parts.length - tail.split(':').filter(Boolean).length;
  return [...parts, ...Array<string>(missing).fill('0')].slice(0, NETWORK_PARTS).join(':');
}
