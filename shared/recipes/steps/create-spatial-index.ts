import format from 'pg-format';
import type { RecipeStep } from '../step.ts';

/** A GiST index on the geometry, last, for whoever queries the table while the run lasts (about 1.5 s for a million polygons). */
export const createSpatialIndex: RecipeStep = {
  name: 'CreateSpatialIndex',
  createsTable: false,
  plan: ({ input }, facts) => [{ sql: format('create index on %I using gist (%I)', input, facts.geometryColumn) }],
};
