import { z } from 'zod';
import { measureShape, measureStep } from '../../measured-column.ts';
import { stepKind } from '../../step-kind.ts';

/** A column of meters of lines. */
export const addLength = stepKind({
  summary: 'Adds a column of meters of lines, as they are at this step; null for other features.',
  schema: z.strictObject({ step: z.literal('add_length'), ...measureShape('length_m') }),
  example: { step: 'add_length', crs: 'EPSG:25832' },
  bind: (parameters, path) => measureStep({ name: 'ST_Length', dimension: 1, power: 1 }, parameters, path),
});
