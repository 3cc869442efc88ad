import { z } from 'zod';
import { EpsgCodeSchema } from '#shared/contracts/epsg.ts';
import { StepParametersSchema } from './step-kinds.ts';

/** Each may write the whole table once more. */
const MAX_RECIPE_STEPS = 50;

/** Parameters of the recipe; each recipe says which it uses (docs/recipes.md). */
export const RecipeParametersSchema = z.strictObject({
  simplify_tolerance: z
    .number()
    .min(0)
    .max(1e6)
    .optional()
    .describe(
      'How far simplification may move a line, in units of target_crs. 0 switches it off; each recipe has a default of its own.',
    ),
  target_crs: EpsgCodeSchema.optional().describe(
    'Coordinate reference system of the asset, as `EPSG:n`; `EPSG:4326` when absent.',
  ),
  coordinate_precision: z
    .number()
    .int()
    .min(0)
    .max(15)
    .optional()
    .describe('Decimals to which coordinates are rounded in the asset. Lossy, so only on request.'),
  steps: z
    .array(StepParametersSchema)
    .max(MAX_RECIPE_STEPS)
    .optional()
    .describe('Steps to add to the recipe, in order: `{"step": NAME, …}`, as docs/recipes.md lists them.'),
});
export type RecipeParameters = z.infer<typeof RecipeParametersSchema>;
