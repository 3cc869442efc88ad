import type { RecipeStep, TableFacts } from './step.ts';

/** A step with the facts of the table that it finds. */
export interface PlannedStep {
  step: RecipeStep;
  facts: TableFacts;
}

/**
 * Follows the columns through the steps, from those of raw_data: each step gets the facts as they are at its place. Throws
 * RECIPE_INVALID for a step that names a column that is not there then, so that nothing runs of a recipe that cannot end.
 */
export function planRecipe(steps: readonly RecipeStep[], facts: TableFacts): PlannedStep[] {
  let columns = facts.columns;
  return steps.map((step) => {
    const here = { ...facts, columns };
    columns = step.columnsAfter?.(here) ?? columns;
    return { step, facts: here };
  });
}
