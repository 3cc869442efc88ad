import { randomBytes, scrypt, timingSafeEqual } from 'node:crypto';
import { MAX_PASSWORD_CHARACTERS } from '#shared/config/secret-rules.ts';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { networkOf } from './failure-limit.ts';

/**
 * Hashes of passwords with scrypt (RFC 7914), as `$scrypt$ln=15,r=8,p=3$SALT$HASH`: the parameters, and salt and hash
 * in base64 without padding.
 */

/** The parameters of scrypt: 2^ln is the cost, `r` the block size, `p` the number of repetitions. */
interface Parameters {
  ln: number;
  r: number;
  p: number;
}

/** One of the equivalent settings that OWASP recommends. A hash uses 32 MB of memory. */
const CURRENT: Parameters = { ln: 15, r: 8, p: 3 };
/** Limits of the parameters in a hash: more memory could exhaust that of the gateway. */
const LIMITS = { ln: [10, 18], r: [1, 16], p: [1, 16] } as const;
const SALT_BYTES = 16;
const HASH_BYTES = 32;
const PHC = /^\$scrypt\$ln=(\d{1,2}),r=(\d{1,2}),p=(\d{1,2})\$([\w+/-]{8,128})\$([\w+/-]{22,172})$/;

/** Hashes a password. Without `salt`, the salt is random. */
export async function hashPassword(password: string, salt: Buffer = randomBytes(SALT_BYTES)): Promise<string> {
  const { ln, r, p } = CURRENT;
  const hash = await derive(password, salt, HASH_BYTES, CURRENT);
  return `$scrypt$ln=${ln},r=${r},p=${p}$${encode(salt)}$${encode(hash)}`;
}

/** Whether the text is a hash that `verifyPassword` can check. */
export function isPasswordHash(text: string): boolean {
  return parseHash(text) !== undefined;
}

/** Whether the password has this hash. False for a text that is not a hash. */
export async function verifyPassword(password: string, text: string): Promise<boolean> {
  const parsed = parseHash(text);
  if (parsed === undefined || password.length > MAX_PASSWORD_CHARACTERS * 2) return false;
  return timingSafeEqual(await derive(password, parsed.salt, parsed.hash.length, parsed.parameters), parsed.hash);
}

function parseHash(text: string): { parameters: Parameters; salt: Buffer; hash: Buffer } | undefined {
  const [, ln, r, p, salt = '', hash = ''] = PHC.exec(text) ?? [];
  const parameters = { ln: Number(ln), r: Number(r), p: Number(p) };
  for (const [name, [min, max]] of Object.entries(LIMITS)) {
    const value = parameters[name as keyof Parameters];
    if (!(value >= min && value <= max)) return undefined;
  }
  return { parameters, salt: Buffer.from(salt, 'base64'), hash: Buffer.from(hash, 'base64') };
}

/** Unicode has several forms of the same password (NIST SP 800-63B, 5.1.1.2). */
function derive(password: string, salt: Buffer, length: number, { ln, r, p }: Parameters): Promise<Buffer> {
  const options = { N: 2 ** ln, r, p, maxmem: 128 * r * (2 ** ln + p + 2) };
  return new Promise((resolve, reject) =>
    scrypt(password.normalize('NFKC'), salt, length, options, (error, hash) =>
      error === null ? resolve(hash) : reject(error),
    ),
  );
}

function encode(bytes: Buffer): string {
  return bytes.toString('base64').replaceAll('=', '');
}

/** Each check uses a thread of the pool of Node.js, which files need, too. */
const MAX_CHECKS = 2;
/** At 0.2 s for a check, the last one waits for some seconds. */
const MAX_WAITING = 50;
/** One client must not delay the logins of all others. */
const MAX_WAITING_OF_NETWORK = 2;
/** About the time that MAX_WAITING checks need. */
const RETRY_AFTER_S = 5;

/** Limits how many passwords are checked at the same time. */
export class PasswordChecks {
  #running = 0;
  #waiting: { network: string; start: () => void }[] = [];

  /** Throws TOO_MANY_ATTEMPTS if too many checks wait, of all clients or of the network of `address`. */
  async verify(password: string, hash: string, address: string): Promise<boolean> {
    const network = networkOf(address);
    const own = this.#waiting.filter((check) => check.network === network).length;
    if (this.#waiting.length >= MAX_WAITING || own >= MAX_WAITING_OF_NETWORK)
      throw new SluiceError(
        'TOO_MANY_ATTEMPTS',
        `Too many logins are being checked. Try again in ${RETRY_AFTER_S} s.`,
        {
          retryAfterSeconds: RETRY_AFTER_S,
        },
      );
    if (this.#running >= MAX_CHECKS) await new Promise<void>((start) => this.#waiting.push({ network, start }));
    this.#running += 1;
    try {
      return await verifyPassword(password, hash);
    } finally {
      this.#running -= 1;
      this.#waiting.shift()?.start();
    }
  }
}
