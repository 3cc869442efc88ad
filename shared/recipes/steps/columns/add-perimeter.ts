import { z } from 'zod';
import { measureShape, measureStep } from '../../measured-column.ts';
import { stepKind } from '../../step-kind.ts';

/** A column of meters around polygons. */
export const addPerimeter = stepKind({
  summary: 'Adds a column of meters around polygons, as they are at this step; null for other features.',
  schema: z.strictObject({ step: z.literal('add_perimeter'), ...measureShape('perimeter_m') }),
  example: { step: 'add_perimeter', crs: 'EPSG:25832' },
  bind: (parameters, path) => measureStep({ name: 'ST_Perimeter', dimension: 2, power: 1 }, parameters, path),
});
