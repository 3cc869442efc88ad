import { z } from 'zod';
import { stepKind } from '../../step-kind.ts';
import { replacedByPoint } from './replaced-geometry.ts';

/** A point of the geometry instead of it. */
export const pointOnSurface = stepKind({
  summary: 'Replaces each geometry by a point that lies on it: for labels, and for places that are mapped as areas.',
  schema: z.strictObject({ step: z.literal('point_on_surface') }),
  example: { step: 'point_on_surface' },
  bind: () => replacedByPoint((geometry) => `ST_PointOnSurface(${geometry})`, 'a point on them'),
});
