import { z } from 'zod';
import { measureShape, measureStep } from '../../measured-column.ts';
import { stepKind } from '../../step-kind.ts';

/** A column of square meters of polygons. */
export const addArea = stepKind({
  summary: 'Adds a column of square meters of polygons, as they are at this step; null for other features.',
  schema: z.strictObject({ step: z.literal('add_area'), ...measureShape('area_m2') }),
  example: { step: 'add_area', crs: 'EPSG:25832' },
  bind: (parameters, path) => measureStep({ name: 'ST_Area', dimension: 2, power: 2 }, parameters, path),
});
