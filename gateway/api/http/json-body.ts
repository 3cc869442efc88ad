import type { z } from 'zod';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { readBody } from './request-body.ts';
import { parseFields } from './wrong-fields.ts';

/** Options of an act are a few values. */
const MAX_BYTES = 16 * 2 ** 10;

/** The JSON body of a request by its schema; an empty body is `{}`. Throws REQUEST_INVALID that names each wrong field, REQUEST_TOO_LARGE. */
export async function readJson<S extends z.ZodType>(request: Request, schema: S): Promise<z.output<S>> {
  const text = (await readBody(request, MAX_BYTES)).toString('utf8');
  return parseFields(schema, text.trim() === '' ? {} : parse(text), 'body');
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new SluiceError('REQUEST_INVALID', 'The body is not JSON.', { cause });
  }
}
