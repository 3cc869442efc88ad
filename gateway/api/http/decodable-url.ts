import { SluiceError } from '#shared/errors/sluice-error.ts';

/** Refuses a URL that no text of a ledger can come from: malformed percent-encoding, or NUL, which PostgreSQL does not store. Throws REQUEST_INVALID. */
export function refuseUndecodable(url: URL): void {
  for (const [part, text] of [
    ['path', url.pathname],
    ['query', url.search],
  ] as const) {
    if (decoded(text, part).includes('\0'))
      throw new SluiceError('REQUEST_INVALID', `The ${part} ${text} holds a NUL character.`, {
        details: { [part]: text },
      });
  }
}

function decoded(text: string, part: string): string {
  try {
    return decodeURIComponent(text);
  } catch (cause) {
    throw new SluiceError('REQUEST_INVALID', `The ${part} ${text} is not valid percent-encoding; write % as %25.`, {
      cause,
      details: { [part]: text },
    });
  }
}
