import { z } from 'zod';
import { stepKind } from '../../step-kind.ts';
import { replacedByPoint } from './replaced-geometry.ts';

/** The center of gravity instead of the geometry. */
export const centroid = stepKind({
  summary:
    'Replaces each geometry by its center of gravity, computed in `target_crs`. It may lie outside of the geometry: `point_on_surface` never does.',
  schema: z.strictObject({ step: z.literal('centroid') }),
  example: { step: 'centroid' },
  bind: () => replacedByPoint((geometry) => `ST_Centroid(${geometry})`, 'their centroid'),
});
