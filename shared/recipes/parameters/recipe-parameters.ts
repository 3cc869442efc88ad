import { z } from 'zod';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { EpsgCodeSchema } from '#shared/contracts/epsg-codes.ts';
import type { CrsUnit, GeometryParameters } from '../recipe-step.ts';
import { type ClipBox, sridOfCode } from '../sql/clip-area.ts';
import { invalidParameter } from './columns.ts';
import { type StepParameters, StepParametersSchema } from '../registry.ts';

/** Each step can write a copy of the whole table. */
const MAX_RECIPE_STEPS = 50;
/** Larger tolerances, in the unit of the CRS, are mistakes. */
const MAX_TOLERANCE = 1e6;
/** About 111 km. A larger tolerance is in the wrong unit. */
const MAX_TOLERANCE_DEGREES = 1;
/** Decimals of a coordinate that a double can hold. */
const MAX_COORDINATE_PRECISION = 15;
const DEFAULT_TARGET = 'EPSG:4326';
/** Meters in PROJ's units that CRSs of the EPSG register use. */
const METERS: Record<string, number> = { m: 1, km: 1000, ft: 0.3048, 'us-ft': 1200 / 3937 };

/** `metadata.recipe` of a manifest. docs/recipes.md lists the parameters that each recipe uses. */
export const RecipeParametersSchema = z.strictObject({
  simplify_tolerance: z
    .number()
    .min(0)
    .max(MAX_TOLERANCE)
    .optional()
    .describe(
      'The largest distance by which simplification moves a line, in units of target_crs. ' +
        '0 switches it off. Each recipe has its own default.',
    ),
  target_crs: EpsgCodeSchema.optional().describe(
    'Coordinate reference system of the asset, as `EPSG:n`. The default is `EPSG:4326`.',
  ),
  coordinate_precision: z
    .number()
    .int()
    .min(0)
    .max(MAX_COORDINATE_PRECISION)
    .optional()
    .describe('Number of decimals to which coordinates are rounded. Not rounded by default.'),
  steps: z
    .array(StepParametersSchema)
    .max(MAX_RECIPE_STEPS)
    .optional()
    .describe('Recipe steps to add, in order: `{"step": NAME, …}`. docs/recipes.md lists them.'),
});
export type RecipeParameters = z.infer<typeof RecipeParametersSchema>;

/** Parameters with all defaults, as recorded on the asset. */
export interface CompleteParameters extends GeometryParameters {
  /** The steps of the manifest, in order. */
  steps?: StepParameters[];
}

/** Checks `metadata.recipe`. Throws RECIPE_INVALID, which names each wrong parameter. */
export function parseParameters(given: unknown): RecipeParameters {
  const result = RecipeParametersSchema.safeParse(given ?? {});
  if (result.success) return result.data;
  const wrong = result.error.issues.map(({ path, message }) => {
    const place = path.map((part) => (typeof part === 'number' ? `[${part}]` : `.${String(part)}`)).join('');
    return `metadata.recipe${place}: ${message}`;
  });
  throw new SluiceError('RECIPE_INVALID', `${wrong.join('; ')}.`, { details: { parameters: wrong } });
}

/** The SRID of the target CRS in PostGIS. */
export function targetSrid(given: Pick<RecipeParameters, 'target_crs'>): number {
  return sridOfCode(given.target_crs ?? DEFAULT_TARGET);
}

/** The SRID of every CRS in the parameters, with the path of the parameter. The target CRS is first. */
export function namedCrs(given: RecipeParameters): { path: string; srid: number }[] {
  const ofSteps = (given.steps ?? []).flatMap((step, index) =>
    'crs' in step && step.crs !== undefined
      ? [{ path: `metadata.recipe.steps[${index}].crs`, srid: sridOfCode(step.crs) }]
      : [],
  );
  return [{ path: 'metadata.recipe.target_crs', srid: targetSrid(given) }, ...ofSteps];
}

/** The boxes of clip steps that are not in the target CRS, with the path of the parameter. */
export function boxesToTransform(given: RecipeParameters): { path: string; box: ClipBox }[] {
  return (given.steps ?? []).flatMap((step, index) =>
    step.step === 'clip' && sridOfCode(step.crs) !== targetSrid(given)
      ? [{ path: `metadata.recipe.steps[${index}].bounds`, box: step }]
      : [],
  );
}

/** Adds the defaults of the recipe. Throws RECIPE_INVALID for a tolerance that is too large. */
export function completeParameters(
  given: RecipeParameters,
  recipe: { tolerance: { degrees: number; meters: number } },
  unit: CrsUnit,
): CompleteParameters {
  const tolerance =
    given.simplify_tolerance ?? (unit === 'degree' ? recipe.tolerance.degrees : recipe.tolerance.meters / unit);
  if (unit === 'degree' && tolerance > MAX_TOLERANCE_DEGREES) {
    throw invalidParameter(
      'metadata.recipe.simplify_tolerance',
      `${tolerance} degrees is more than the maximum of ${MAX_TOLERANCE_DEGREES}. ` +
        'The tolerance is in units of target_crs.',
      { value: tolerance },
    );
  }
  return {
    target_crs: given.target_crs ?? DEFAULT_TARGET,
    simplify_tolerance: tolerance,
    ...(given.coordinate_precision === undefined ? {} : { coordinate_precision: given.coordinate_precision }),
    ...(given.steps === undefined || given.steps.length === 0 ? {} : { steps: given.steps }),
  };
}

/** The unit of a CRS, from proj4text in PostGIS's spatial_ref_sys. */
export function unitOf(proj4: string): CrsUnit {
  if (/\+proj=longlat/.test(proj4)) return 'degree';
  const factor = /\+to_meter=([\d.eE+-]+)/.exec(proj4)?.[1];
  if (factor !== undefined) return Number(factor);
  return METERS[/\+units=(\S+)/.exec(proj4)?.[1] ?? 'm'] ?? 1;
}
