import type { RecipeStep } from '../step.ts';
import { keepKind } from './features/keep-geometries.ts';

/** Buildings and parcels: keeps polygons, and the polygons of collections. Points and lines are left out, counted and noted on the asset. */
export const keepPolygonal: RecipeStep = { name: 'KeepPolygonal', createsTable: true, ...keepKind('polygons') };
