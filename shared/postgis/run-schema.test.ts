import fc from 'fast-check';
import { expect, test } from 'vitest';
import { runOfSchema, schemaOfRun } from './run-schema.ts';

test('maps every run id to a schema and back', () => {
  fc.assert(fc.property(fc.uuid(), (runId) => runOfSchema(schemaOfRun(runId)) === runId));
});

test("knows no run for a schema that is not a run's", () => {
  expect(runOfSchema('public')).toBeUndefined();
  expect(runOfSchema('proc_x')).toBeUndefined();
});
