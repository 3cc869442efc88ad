import { z } from 'zod';
import { SluiceError } from '#shared/errors/sluice-error.ts';

/** A new document as its schema gives it. Throws REQUEST_INVALID that names the fields which are wrong. */
export function parseDocument<S extends z.ZodType>(schema: S, collection: string, document: unknown): z.output<S> {
  const result = schema.safeParse(document);
  if (result.success) return result.data;
  const issues = result.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`);
  throw new SluiceError('REQUEST_INVALID', `A document for ${collection} is wrong: ${issues.join('; ')}.`, {
    details: { collection, issues },
  });
}
