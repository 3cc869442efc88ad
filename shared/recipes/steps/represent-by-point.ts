import type { RecipeStep } from '../step.ts';
import { pointOnSurface } from './geometries/point-on-surface.ts';

/** Points of interest: places that are mapped as lines or areas become a point on them. */
export const representByPoint: RecipeStep = {
  ...pointOnSurface.bind({ step: 'point_on_surface' }, ''),
  name: 'RepresentByPoint',
};
