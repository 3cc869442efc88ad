import { z } from 'zod';
import { ColumnName } from './columns.ts';

/** Conditions on columns as a manifest gives them: data, never SQL. */

/** Longest text that is compared with. */
const MAX_TEXT = 1024;
/** Values of `in`; longer lists belong in a table to join with. */
const MAX_VALUES = 1000;

const Text = z
  .string({ error: 'must be a text' })
  .max(MAX_TEXT)
  .regex(/^[^\u0000]*$/, 'must not hold a NUL character');
const Value = z.union([Text, z.number(), z.boolean()], { error: 'must be a text, a number, true or false' });

const Compare = z.strictObject({ column: ColumnName, op: z.enum(['=', '!=', '<', '<=', '>', '>=']), value: Value });
const OneOf = z.strictObject({
  column: ColumnName,
  op: z.enum(['in', 'not_in']),
  value: z.array(Value).min(1).max(MAX_VALUES),
});
const Match = z.strictObject({ column: ColumnName, op: z.enum(['contains', 'starts_with', 'ends_with']), value: Text });
const Missing = z.strictObject({ column: ColumnName, op: z.enum(['is_null', 'is_not_null']) });

const OPERATORS = [Compare, OneOf, Match, Missing].flatMap((condition): string[] => condition.shape.op.options);

export const ConditionSchema = z.discriminatedUnion('op', [Compare, OneOf, Match, Missing], {
  error: ({ code }) =>
    code === 'invalid_union' ? `must be one of ${OPERATORS.map((op) => JSON.stringify(op)).join(', ')}` : undefined,
});
export type Condition = z.infer<typeof ConditionSchema>;
export type ConditionValue = z.infer<typeof Value>;
