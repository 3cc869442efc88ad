import type { RecipeStep } from './step.ts';
import { bindSteps, type StepParameters } from './step-kinds.ts';
import { createSpatialIndex } from './steps/create-spatial-index.ts';
import { keepLinear } from './steps/keep-linear.ts';
import { keepPolygonal } from './steps/keep-polygonal.ts';
import { makeValid } from './steps/make-valid.ts';
import { normalizeCrs } from './steps/normalize-crs.ts';
import { quantizeCoordinates } from './steps/quantize-coordinates.ts';
import { representByPoint } from './steps/represent-by-point.ts';
import { simplifyGeometry } from './steps/simplify-geometry.ts';

/** Grows when a recipe gives another result for the same input, so that such inputs are computed again. */
export const RECIPE_VERSION = 1;

export interface Recipe {
  /** The intent that chooses it. */
  name: string;
  /** For docs/recipes.md: what it is for. */
  summary: string;
  /** Steps before those of the manifest. */
  prepare: readonly RecipeStep[];
  /** Default of simplify_tolerance, in degrees and in meters: the CRS decides which one counts. */
  tolerance: { degrees: number; meters: number };
}

/** Steps after those of the manifest. Simplification comes last: it works on each feature by itself, and would tear common borders that a dissolve must find. */
const FINISH: readonly RecipeStep[] = [simplifyGeometry, quantizeCoordinates, createSpatialIndex];

/** A tenth of a meter on the ground. */
const FINE = { degrees: 0.000001, meters: 0.1 };

const DEFAULT_RECIPE: Recipe = {
  name: 'default',
  summary: 'For everything else: repaired, in one CRS, simplified by about a meter.',
  prepare: [normalizeCrs, makeValid],
  tolerance: { degrees: 0.00001, meters: 1 },
};

/** Recipes by intent. An intent that is not here runs the default recipe. */
const RECIPES: Record<string, Recipe> = {
  ingest_road_network: {
    name: 'ingest_road_network',
    summary: 'Lines only, and hardly simplified: roads that meet in the middle of another must still touch it.',
    prepare: [normalizeCrs, makeValid, keepLinear],
    tolerance: FINE,
  },
  ingest_buildings: {
    name: 'ingest_buildings',
    summary: 'Polygons only, and hardly simplified: a meter is much for the corner of a house.',
    prepare: [normalizeCrs, makeValid, keepPolygonal],
    tolerance: FINE,
  },
  ingest_parcels: {
    name: 'ingest_parcels',
    summary: 'Polygons only, never simplified unless asked for: neighbors keep exactly the same border.',
    prepare: [normalizeCrs, makeValid, keepPolygonal],
    tolerance: { degrees: 0, meters: 0 },
  },
  ingest_points_of_interest: {
    name: 'ingest_points_of_interest',
    summary: 'One point for each place: those that are mapped as lines or areas become a point on them.',
    prepare: [normalizeCrs, makeValid, representByPoint],
    tolerance: { degrees: 0, meters: 0 },
  },
};

/** The recipe of an intent. */
export function recipeOf(intent: string): Recipe {
  return (Object.hasOwn(RECIPES, intent) ? RECIPES[intent] : undefined) ?? DEFAULT_RECIPE;
}

/** All steps of a recipe, with those that the manifest adds. */
export function stepsOf(recipe: Pick<Recipe, 'prepare'>, added: readonly StepParameters[] = []): RecipeStep[] {
  return [...recipe.prepare, ...bindSteps(added), ...FINISH];
}

/** Every recipe, for the documentation. */
export const ALL_RECIPES: readonly Recipe[] = [DEFAULT_RECIPE, ...Object.values(RECIPES)];
