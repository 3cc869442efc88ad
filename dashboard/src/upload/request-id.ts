const RANDOM_BYTES = 10;

/** A UUID of version 7 (RFC 9562). Browsers offer crypto.randomUUID to pages with HTTPS only. */
export function newRequestId(now = Date.now()): string {
  const random = crypto.getRandomValues(new Uint8Array(RANDOM_BYTES));
  const [version = 0, , variant = 0] = random;
  random[0] = 0x70 | (version & 0x0f);
  random[2] = 0x80 | (variant & 0x3f);
  const digits = [...random].map((byte) => byte.toString(16).padStart(2, '0')).join('');
  const all = now.toString(16).padStart(12, '0') + digits;
  return [all.slice(0, 8), all.slice(8, 12), all.slice(12, 16), all.slice(16, 20), all.slice(20)].join('-');
}

/** The id of a draft: the same one until the draft changes, so that a repeated request starts no second run. */
export class RequestIds {
  #draft = '';
  #id = '';

  of(draft: unknown): string {
    const text = JSON.stringify(draft);
    if (text !== this.#draft) [this.#draft, this.#id] = [text, newRequestId()];
    return this.#id;
  }
}
