import { z } from 'zod';
import { quoted } from './parameters/columns.ts';
import type { RecipeStep } from './recipe-step.ts';
import type { StepDefinition } from './step-definition.ts';
import { castColumns, dropColumns, keepColumns, renameColumns } from './steps/columns.ts';
import { clip } from './steps/clip.ts';
import { explode } from './steps/explode.ts';
import { filter } from './steps/filter.ts';
import { collect, dissolve } from './steps/group-features.ts';
import { keepGeometries } from './steps/keep-geometries.ts';
import { addArea, addLength, addPerimeter } from './steps/measure.ts';
import { centroid, pointOnSurface } from './steps/replace-by-point.ts';

/** Every recipe step that a manifest can add, in the order of docs/recipes.md. */
export const STEP_DEFINITIONS = [
  filter,
  clip,
  keepGeometries,
  explode,
  collect,
  dissolve,
  keepColumns,
  dropColumns,
  renameColumns,
  castColumns,
  addArea,
  addLength,
  addPerimeter,
  centroid,
  pointOnSurface,
] as const satisfies readonly StepDefinition[];

type SchemasOf<T extends readonly StepDefinition[]> = { -readonly [I in keyof T]: T[I]['schema'] };

/** A recipe step in a manifest: `{"step": NAME, …its parameters}`. */
export const StepParametersSchema = z.discriminatedUnion(
  'step',
  STEP_DEFINITIONS.map(({ schema }) => schema) as unknown as SchemasOf<typeof STEP_DEFINITIONS>,
  {
    error: ({ code }) =>
      code === 'invalid_union' ? `must be one of ${quoted(STEP_DEFINITIONS.map(({ name }) => name))}` : undefined,
  },
);
export type StepParameters = z.infer<typeof StepParametersSchema>;

/** The steps of a manifest with their parameters, in order. */
export function bindSteps(added: readonly StepParameters[]): RecipeStep[] {
  return added.flatMap((parameters, position) =>
    STEP_DEFINITIONS.filter(({ name }) => name === parameters.step).map((definition) =>
      definition.bind(parameters, `metadata.recipe.steps[${position}]`),
    ),
  );
}
