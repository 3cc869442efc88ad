import format from 'pg-format';
import { geometryOf, type RecipeStep, type TableFacts } from '../step.ts';
import { guardedChange } from './guarded-change.ts';

/**
 * Keeps `coordinate_precision` decimals of each coordinate, and zeroes the bits below, which halves the size of a file.
 * A geometry that would become invalid stays as it was. Only on request.
 */
export const quantizeCoordinates: RecipeStep = {
  name: 'QuantizeCoordinates',
  createsTable: true,
  plan: ({ input, output }, facts) => {
    if (facts.parameters.coordinate_precision === undefined) return [];
    return [{ sql: guardedChange(input, output, quantized(facts), facts) }];
  },
  expression: quantized,
  failure: { code: 'GEOMETRY_INVALID', says: 'cannot be rounded' },
};

function quantized(facts: TableFacts): string {
  return format('ST_QuantizeCoordinates(%s, %s)', geometryOf(facts), facts.parameters.coordinate_precision);
}
