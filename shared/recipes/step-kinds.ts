import { z } from 'zod';
import { quoted } from './columns.ts';
import type { RecipeStep } from './step.ts';
import type { StepKind } from './step-kind.ts';
import { addArea } from './steps/columns/add-area.ts';
import { addLength } from './steps/columns/add-length.ts';
import { addPerimeter } from './steps/columns/add-perimeter.ts';
import { castColumns } from './steps/columns/cast-columns.ts';
import { dropColumns } from './steps/columns/drop-columns.ts';
import { keepColumns } from './steps/columns/keep-columns.ts';
import { renameColumns } from './steps/columns/rename-columns.ts';
import { clip } from './steps/features/clip.ts';
import { collect } from './steps/features/collect.ts';
import { dissolve } from './steps/features/dissolve.ts';
import { explode } from './steps/features/explode.ts';
import { filter } from './steps/features/filter.ts';
import { keepGeometries } from './steps/features/keep-geometries.ts';
import { centroid } from './steps/geometries/centroid.ts';
import { pointOnSurface } from './steps/geometries/point-on-surface.ts';

/** Every step that a manifest can add, in the order of docs/recipes.md. */
export const STEP_KINDS = [
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
] as const satisfies readonly StepKind[];

/** A step in a manifest: `{"step": NAME, …its parameters}`. */
export const StepParametersSchema = z.discriminatedUnion(
  'step',
  [
    filter.schema,
    clip.schema,
    keepGeometries.schema,
    explode.schema,
    collect.schema,
    dissolve.schema,
    keepColumns.schema,
    dropColumns.schema,
    renameColumns.schema,
    castColumns.schema,
    addArea.schema,
    addLength.schema,
    addPerimeter.schema,
    centroid.schema,
    pointOnSurface.schema,
  ],
  {
    error: ({ code }) =>
      code === 'invalid_union' ? `must be one of ${quoted(STEP_KINDS.map(({ name }) => name))}` : undefined,
  },
);
export type StepParameters = z.infer<typeof StepParametersSchema>;

/** The steps that a manifest adds, in its order, with their parameters. */
export function bindSteps(added: readonly StepParameters[]): RecipeStep[] {
  return added.flatMap((parameters, position) =>
    STEP_KINDS.filter(({ name }) => name === parameters.step).map((kind) =>
      kind.bind(parameters, `metadata.recipe.steps[${position}]`),
    ),
  );
}
