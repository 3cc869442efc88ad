import { z } from 'zod';
import { ObjectIdSchema } from '../documents.ts';
import { INTERNAL_FIELDS } from './stored-documents.ts';

/**
 * The `$jsonSchema` validator of a collection, generated from the zod schema of its documents. MongoDB supports a part
 * of JSON Schema draft 4 (https://www.mongodb.com/docs/manual/reference/operator/query/jsonSchema/).
 */

type JsonSchema = Record<string, unknown>;

/** Keywords of JSON Schema that MongoDB rejects, or that have no effect there. */
const UNUSED_KEYWORDS = ['$schema', 'default', 'description', 'format'];

/** JavaScript numbers are stored as int or double. MongoDB has no type for a double without a fraction. */
const INTEGER = { bsonType: ['int', 'long', 'double'], multipleOf: 1 };

export function validatorOf(schema: z.ZodObject): JsonSchema {
  const generated = z.toJSONSchema(schema, {
    target: 'draft-4',
    io: 'output',
    reused: 'inline',
    override: ({ zodSchema, jsonSchema }) => adapt(zodSchema, jsonSchema),
  }) as JsonSchema & { properties: JsonSchema };
  const { $schema: _, ...rest } = generated;
  return { ...rest, properties: { ...generated.properties, ...INTERNAL_FIELDS } };
}

/** Changes a generated schema in place to what MongoDB supports. */
function adapt(zodSchema: unknown, jsonSchema: JsonSchema): void {
  if (zodSchema === ObjectIdSchema) {
    for (const keyword of Object.keys(jsonSchema)) Reflect.deleteProperty(jsonSchema, keyword);
    jsonSchema.bsonType = 'objectId';
    return;
  }
  for (const keyword of UNUSED_KEYWORDS) Reflect.deleteProperty(jsonSchema, keyword);
  // The names of Unicode properties in PCRE differ from those in JavaScript.
  if (String(jsonSchema.pattern).includes('\\p{')) delete jsonSchema.pattern;
  if (jsonSchema.type !== 'integer') return;
  delete jsonSchema.type;
  Object.assign(jsonSchema, INTEGER);
}
