import type { RecipeStep, StepContext } from './recipe-step.ts';

/** A step with the context that applies to it. */
export interface PlannedStep {
  step: RecipeStep;
  context: StepContext;
}

/**
 * Gives each step the columns that the earlier steps leave; the first step gets those of raw_data. Throws
 * RECIPE_INVALID for a step that names a column which does not exist at that step, so that the run fails before the
 * first statement.
 */
export function planRecipe(steps: readonly RecipeStep[], first: StepContext): PlannedStep[] {
  let { columns } = first;
  return steps.map((step) => {
    const context = { ...first, columns };
    columns = step.columnsAfter?.(context) ?? columns;
    return { step, context };
  });
}
