import { SluiceError } from '#shared/errors/sluice-error.ts';
import { type ClipBox, sridOf } from './clip-area.ts';
import { invalidParameter } from './invalid-parameter.ts';
import type { Recipe } from './registry.ts';
import type { CrsUnit, GeometryParameters } from './step.ts';
import type { StepParameters } from './step-kinds.ts';
import { type RecipeParameters as GivenParameters, RecipeParametersSchema } from './recipe-parameters.ts';

/** Parameters of a recipe with every default filled in: what is recorded on the asset. */
export interface RecipeParameters extends GeometryParameters {
  /** Steps that the manifest adds, in order. */
  steps?: StepParameters[];
}

const DEFAULT_TARGET = 'EPSG:4326';
/** About 111 km: a larger one is in the wrong unit. */
const MAX_TOLERANCE_DEGREES = 1;
/** Meters in PROJ's units that CRSs of the EPSG register use. */
const METERS: Record<string, number> = { m: 1, km: 1000, ft: 0.3048, 'us-ft': 1200 / 3937 };

/** Checks `metadata.recipe`. Throws RECIPE_INVALID that names each wrong parameter. */
export function parseParameters(given: unknown): GivenParameters {
  const result = RecipeParametersSchema.safeParse(given ?? {});
  if (result.success) return result.data;
  const wrong = result.error.issues.map(
    (issue) =>
      `metadata.recipe${issue.path.map((part) => (typeof part === 'number' ? `[${part}]` : `.${String(part)}`)).join('')}: ${issue.message}`,
  );
  throw new SluiceError('RECIPE_INVALID', `${wrong.join('; ')}.`, { details: { parameters: wrong } });
}

/** The number of the target CRS, which is its SRID in PostGIS. */
export function targetSrid(given: Pick<GivenParameters, 'target_crs'>): number {
  return sridOf(given.target_crs ?? DEFAULT_TARGET);
}

/** Every CRS that the parameters name, by its SRID, with the path of the parameter; the target first. */
export function namedCrs(given: GivenParameters): { path: string; srid: number }[] {
  const ofSteps = (given.steps ?? []).flatMap((step, index) =>
    'crs' in step && step.crs !== undefined
      ? [{ path: `metadata.recipe.steps[${index}].crs`, srid: sridOf(step.crs) }]
      : [],
  );
  return [{ path: 'metadata.recipe.target_crs', srid: targetSrid(given) }, ...ofSteps];
}

/** The boxes that are not in the target CRS, with the path of the step that names them. */
export function boxesToTransform(given: GivenParameters): { path: string; box: ClipBox }[] {
  return (given.steps ?? []).flatMap((step, index) =>
    step.step === 'clip' && sridOf(step.crs) !== targetSrid(given)
      ? [{ path: `metadata.recipe.steps[${index}].bounds`, box: step }]
      : [],
  );
}

/** Fills in the defaults of the recipe. Throws RECIPE_INVALID for a tolerance that can't be meant. */
export function completeParameters(
  given: GivenParameters,
  recipe: Pick<Recipe, 'tolerance'>,
  unit: CrsUnit,
): RecipeParameters {
  const tolerance =
    given.simplify_tolerance ?? (unit === 'degree' ? recipe.tolerance.degrees : recipe.tolerance.meters / unit);
  if (unit === 'degree' && tolerance > MAX_TOLERANCE_DEGREES) {
    throw invalidParameter(
      'metadata.recipe.simplify_tolerance',
      `${tolerance} degrees is more than ${MAX_TOLERANCE_DEGREES}; the tolerance is in units of target_crs.`,
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

/** The unit of a CRS from PostGIS's spatial_ref_sys.proj4text. */
export function unitOf(proj4: string): CrsUnit {
  if (/\+proj=longlat/.test(proj4)) return 'degree';
  const factor = /\+to_meter=([\d.eE+-]+)/.exec(proj4)?.[1];
  if (factor !== undefined) return Number(factor);
  return METERS[/\+units=(\S+)/.exec(proj4)?.[1] ?? 'm'] ?? 1;
}
