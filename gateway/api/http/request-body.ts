import type { z } from 'zod';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { readAtMost } from '#shared/text/read-at-most.ts';
import { parseFields } from './request-fields.ts';

/** The JSON bodies of the API hold a few options. */
const MAX_JSON_BYTES = 16 * 2 ** 10;

/** The body of a request. Throws REQUEST_TOO_LARGE. */
export function readBody(request: Request, maxBytes: number): Promise<Buffer> {
  const tooLarge = () =>
    new SluiceError('REQUEST_TOO_LARGE', `The body is larger than ${maxBytes} bytes.`, {
      details: { max_bytes: maxBytes },
    });
  if (Number(request.headers.get('content-length') ?? 0) > maxBytes) return Promise.reject(tooLarge());
  return request.body === null ? Promise.resolve(Buffer.alloc(0)) : readAtMost(request.body, maxBytes, tooLarge);
}

/**
 * The JSON body of a request, validated by a schema. An empty body is `{}`. Throws REQUEST_INVALID, REQUEST_TOO_LARGE.
 */
export async function readJson<S extends z.ZodType>(request: Request, schema: S): Promise<z.output<S>> {
  const text = (await readBody(request, MAX_JSON_BYTES)).toString('utf8');
  return parseFields(schema, text.trim() === '' ? {} : parseJson(text), 'body');
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new SluiceError('REQUEST_INVALID', 'The body is not valid JSON.', { cause });
  }
}
