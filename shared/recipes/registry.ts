import type { RecipeStep } from './step.ts';
import { createSpatialIndex } from './steps/create-spatial-index.ts';
import { keepLinear } from './steps/keep-linear.ts';
import { makeValid } from './steps/make-valid.ts';
import { normalizeCrs } from './steps/normalize-crs.ts';
import { quantizeCoordinates } from './steps/quantize-coordinates.ts';
import { simplifyGeometry } from './steps/simplify-geometry.ts';

/** Grows when a recipe gives another result for the same input, so that such inputs are computed again. */
export const RECIPE_VERSION = 1;

export interface Recipe {
  name: string;
  steps: readonly RecipeStep[];
  /** Default of simplify_tolerance, in degrees and in metres: the CRS decides which one counts. */
  tolerance: { degrees: number; metres: number };
}

const DEFAULT_RECIPE: Recipe = {
  name: 'default',
  steps: [normalizeCrs, makeValid, simplifyGeometry, quantizeCoordinates, createSpatialIndex],
  // About a metre on the ground.
  tolerance: { degrees: 0.00001, metres: 1 },
};

/** Recipes by intent. An intent that is not here runs the default recipe. */
const RECIPES: Record<string, Recipe> = {
  ingest_road_network: {
    name: 'ingest_road_network',
    steps: [normalizeCrs, makeValid, keepLinear, simplifyGeometry, quantizeCoordinates, createSpatialIndex],
    // A tenth of a metre: roads that meet in the middle of another must still touch it.
    tolerance: { degrees: 0.000001, metres: 0.1 },
  },
};

/** The recipe of an intent. */
export function recipeOf(intent: string): Recipe {
  return (Object.hasOwn(RECIPES, intent) ? RECIPES[intent] : undefined) ?? DEFAULT_RECIPE;
}

/** Every recipe, for the documentation. */
export const ALL_RECIPES: readonly Recipe[] = [DEFAULT_RECIPE, ...Object.values(RECIPES)];
