import { SluiceError } from '#shared/errors/sluice-error.ts';
import { RecipeParametersSchema } from '#shared/manifest/manifest.ts';
import type { Recipe } from './registry.ts';

/** Parameters of a recipe with every default filled in: what is recorded on the asset. */
export interface RecipeParameters {
  /** EPSG:n. */
  target_crs: string;
  /** Units of target_crs; 0 is off. */
  simplify_tolerance: number;
  coordinate_precision?: number;
}

/** Unit of a CRS: degrees, or so many metres. */
export type CrsUnit = 'degree' | number;

const DEFAULT_TARGET = 'EPSG:4326';
/** About 111 km: a larger one is in the wrong unit. */
const MAX_TOLERANCE_DEGREES = 1;
/** Metres in PROJ's units that CRSs of the EPSG register use. */
const METRES: Record<string, number> = { m: 1, km: 1000, ft: 0.3048, 'us-ft': 1200 / 3937 };

/** Checks `metadata.recipe`. Throws RECIPE_INVALID that names each wrong parameter. */
export function parseParameters(given: unknown): ReturnType<typeof RecipeParametersSchema.parse> {
  const result = RecipeParametersSchema.safeParse(given ?? {});
  if (result.success) return result.data;
  const wrong = result.error.issues.map((issue) => `metadata.recipe${issue.path.map((part) => `.${String(part)}`).join('')}: ${issue.message}`);
  throw new SluiceError('RECIPE_INVALID', `${wrong.join('; ')}.`, { details: { parameters: wrong } });
}

/** The number of the target CRS, which is its SRID in PostGIS. */
export function targetSrid(given: { target_crs?: string | undefined }): number {
  return Number((given.target_crs ?? DEFAULT_TARGET).slice('EPSG:'.length));
}

/** Fills in the defaults of the recipe. Throws RECIPE_INVALID for a tolerance that can't be meant. */
export function completeParameters(given: ReturnType<typeof parseParameters>, recipe: Pick<Recipe, 'tolerance'>, unit: CrsUnit): RecipeParameters {
  const tolerance = given.simplify_tolerance ?? (unit === 'degree' ? recipe.tolerance.degrees : recipe.tolerance.metres / unit);
  if (unit === 'degree' && tolerance > MAX_TOLERANCE_DEGREES) {
    throw new SluiceError('RECIPE_INVALID', `metadata.recipe.simplify_tolerance: ${tolerance} degrees is more than ${MAX_TOLERANCE_DEGREES}; the tolerance is in units of target_crs.`, {
      details: { parameter: 'simplify_tolerance', value: tolerance },
    });
  }
  return {
    target_crs: given.target_crs ?? DEFAULT_TARGET,
    simplify_tolerance: tolerance,
    ...(given.coordinate_precision === undefined ? {} : { coordinate_precision: given.coordinate_precision }),
  };
}

/** The unit of a CRS from PostGIS's spatial_ref_sys.proj4text. */
export function unitOf(proj4: string): CrsUnit {
  if (/\+proj=longlat/.test(proj4)) return 'degree';
  const factor = /\+to_meter=([\d.eE+-]+)/.exec(proj4)?.[1];
  if (factor !== undefined) return Number(factor);
  return METRES[/\+units=(\S+)/.exec(proj4)?.[1] ?? 'm'] ?? 1;
}
