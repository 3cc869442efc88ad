import fc from 'fast-check';
import { expect, test } from 'vitest';
import { runOfSchema, schemaOfRun } from './run-schema.ts';

test('maps every run id to a schema and back', () => {
  fc.assert(fc.property(fc.uuid(), (runId) => void expect(runOfSchema(schemaOfRun(runId))).toBe(runId)));
});

test('a schema that does not belong to a run has no run id', () => {
  expect(runOfSchema('public')).toBeUndefined();
  expect(runOfSchema('proc_x')).toBeUndefined();
});
