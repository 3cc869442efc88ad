import { z } from 'zod';
import { SluiceError } from '#shared/errors/sluice-error.ts';

/** Parses a document before it is stored. Throws REQUEST_INVALID that names the invalid fields. */
export function parseDocument<S extends z.ZodType>(schema: S, collection: string, document: unknown): z.output<S> {
  const result = schema.safeParse(document);
  if (result.success) return result.data;
  const issues = result.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`);
  throw new SluiceError('REQUEST_INVALID', `The document for ${collection} is invalid: ${issues.join('; ')}.`, {
    details: { collection, issues },
  });
}
