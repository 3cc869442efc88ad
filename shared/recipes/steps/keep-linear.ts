import type { RecipeStep } from '../step.ts';
import { keepKind } from './features/keep-geometries.ts';

/** Roads: keeps lines, and the lines of collections. Points and polygons are left out, counted and noted on the asset. A feature stays a row with its own attributes. */
export const keepLinear: RecipeStep = { name: 'KeepLinear', createsTable: true, ...keepKind('lines') };
