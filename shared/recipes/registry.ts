import format from 'pg-format';
import { z } from 'zod';
import { quotedList } from './parameters/columns.ts';
import type { RecipeStep, StepContext, StepDefinition } from './recipe-step.ts';
import { clip } from './steps/clip.ts';
import { castColumns, dropColumns, keepColumns, renameColumns } from './steps/columns.ts';
import { explode } from './steps/explode.ts';
import { filter } from './steps/filter.ts';
import { collect, dissolve } from './steps/group-features.ts';
import { keepGeometries, keepLinear, keepPolygonal } from './steps/keep-geometries.ts';
import { makeValid } from './steps/make-valid.ts';
import { addArea, addLength, addPerimeter } from './steps/measure.ts';
import { normalizeCrs } from './steps/normalize-crs.ts';
import { quantizeCoordinates, simplifyGeometry } from './steps/reduce-geometries.ts';
import { centroid, pointOnSurface, representByPoint } from './steps/replace-by-point.ts';

/**
 * Increase it when the result of a recipe for the same input changes. Such inputs are then processed again instead of
 * reused.
 */
export const RECIPE_VERSION = 6;

export interface Recipe {
  /** The intent that selects it. */
  name: string;
  /** The data for which the recipe is made, for docs/recipes.md. */
  summary: string;
  /** Steps before those of the manifest. */
  prepare: readonly RecipeStep[];
  /** Default of simplify_tolerance, for a CRS in degrees and for one in meters. */
  tolerance: { degrees: number; meters: number };
}

/** A GiST index on the geometry, for queries on the table while the run lasts (about 1.5 s for a million polygons). */
const createSpatialIndex: RecipeStep = {
  name: 'CreateSpatialIndex',
  createsTable: false,
  plan: ({ input }, context) => [{ sql: format('create index on %I using gist (%I)', input, context.geometryColumn) }],
};

/**
 * Steps after those of the manifest. Simplification is last, because it changes each feature separately: `dissolve`
 * would not find the common borders of simplified features.
 */
const FINISH: readonly RecipeStep[] = [simplifyGeometry, quantizeCoordinates, createSpatialIndex];

/** A tolerance of about 0.1 m. */
const FINE_TOLERANCE = { degrees: 0.000001, meters: 0.1 };
const NO_SIMPLIFICATION = { degrees: 0, meters: 0 };

const DEFAULT_RECIPE: Recipe = {
  name: 'default',
  summary: 'All other data. Geometries are repaired, transformed to one CRS, and simplified by about 1 m.',
  prepare: [normalizeCrs, makeValid],
  tolerance: { degrees: 0.00001, meters: 1 },
};

/** Recipes by intent. All other intents run the default recipe. */
const RECIPES: Record<string, Recipe> = {
  ingest_road_network: {
    name: 'ingest_road_network',
    summary: 'Roads. Keeps lines only, with a small tolerance, so that roads still touch at junctions.',
    prepare: [normalizeCrs, makeValid, keepLinear],
    tolerance: FINE_TOLERANCE,
  },
  ingest_buildings: {
    name: 'ingest_buildings',
    summary: 'Buildings. Keeps polygons only, with a small tolerance, so that corners keep their place.',
    prepare: [normalizeCrs, makeValid, keepPolygonal],
    tolerance: FINE_TOLERANCE,
  },
  ingest_parcels: {
    name: 'ingest_parcels',
    summary: 'Parcels. Keeps polygons only. Simplification is off by default, so that neighbors keep a common border.',
    prepare: [normalizeCrs, makeValid, keepPolygonal],
    tolerance: NO_SIMPLIFICATION,
  },
  ingest_points_of_interest: {
    name: 'ingest_points_of_interest',
    summary: 'Points of interest. Replaces lines and polygons by a point on them.',
    prepare: [normalizeCrs, makeValid, representByPoint],
    tolerance: NO_SIMPLIFICATION,
  },
};

/** Returns the recipe of an intent, or the default recipe. */
export function recipeOf(intent: string): Recipe {
  return (Object.hasOwn(RECIPES, intent) ? RECIPES[intent] : undefined) ?? DEFAULT_RECIPE;
}

/** All steps of a recipe, with the steps of the manifest. */
export function stepsOf(recipe: Pick<Recipe, 'prepare'>, added: readonly StepParameters[] = []): RecipeStep[] {
  return [...recipe.prepare, ...bindSteps(added), ...FINISH];
}

/** Every recipe, for the documentation. */
export const ALL_RECIPES: readonly Recipe[] = [DEFAULT_RECIPE, ...Object.values(RECIPES)];

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
      code === 'invalid_union' ? `must be one of ${quotedList(STEP_DEFINITIONS.map(({ name }) => name))}` : undefined,
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
