import { z } from 'zod';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { plainIssue } from '#shared/text/plain-issue.ts';

/** A value of a request by its schema. Throws REQUEST_INVALID that names each wrong field of `what`, with all of them in `details.issues`. */
export function parseFields<S extends z.ZodType>(schema: S, value: unknown, what: 'query' | 'body'): z.output<S> {
  const result = schema.safeParse(value, { reportInput: true });
  if (result.success) return result.data;
  const issues = result.error.issues.flatMap((issue) => {
    if (issue.code === 'unrecognized_keys')
      return issue.keys.map((field) => ({ field, message: `is not known here${knownTo(schema)}` }));
    return [{ field: issue.path.join('.') || what, message: plainIssue(issue) }];
  });
  throw new SluiceError(
    'REQUEST_INVALID',
    `Wrong ${what}: ${issues.map(({ field, message }) => `${field} ${message}`).join('; ')}.`,
    { details: { issues } },
  );
}

function knownTo(schema: z.ZodType): string {
  const fields = schema instanceof z.ZodObject ? Object.keys(schema.shape) : [];
  return fields.length === 0 ? '' : `; known are ${fields.join(', ')}`;
}
