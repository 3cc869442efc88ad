import { expect, test } from 'vitest';
import { completeParameters, parseParameters, unitOf } from './parameters/recipe-parameters.ts';
import { ALL_RECIPES, recipeOf, stepsOf } from './registry.ts';

test('an intent without a recipe runs the default recipe', () => {
  for (const intent of ['ingest_vector', 'ingest_building_footprints', 'constructor', '__proto__'])
    expect(recipeOf(intent).name).toBe('default');
  expect(recipeOf('ingest_road_network').name).toBe('ingest_road_network');
});

test('the steps of each recipe', () => {
  expect(
    Object.fromEntries(ALL_RECIPES.map((recipe) => [recipe.name, stepsOf(recipe).map((step) => step.name)])),
  ).toEqual({
    default: ['NormalizeCRS', 'MakeValid', 'SimplifyGeometry', 'QuantizeCoordinates', 'CreateSpatialIndex'],
    ingest_road_network: [
      'NormalizeCRS',
      'MakeValid',
      'KeepLinear',
      'SimplifyGeometry',
      'QuantizeCoordinates',
      'CreateSpatialIndex',
    ],
    ingest_buildings: [
      'NormalizeCRS',
      'MakeValid',
      'KeepPolygonal',
      'SimplifyGeometry',
      'QuantizeCoordinates',
      'CreateSpatialIndex',
    ],
    ingest_parcels: [
      'NormalizeCRS',
      'MakeValid',
      'KeepPolygonal',
      'SimplifyGeometry',
      'QuantizeCoordinates',
      'CreateSpatialIndex',
    ],
    ingest_points_of_interest: [
      'NormalizeCRS',
      'MakeValid',
      'RepresentByPoint',
      'SimplifyGeometry',
      'QuantizeCoordinates',
      'CreateSpatialIndex',
    ],
  });
});

test('the unit of a CRS is degrees or its length in meters', () => {
  expect(unitOf('+proj=longlat +datum=WGS84 +no_defs')).toBe('degree');
  expect(unitOf('+proj=utm +zone=33 +ellps=GRS80 +units=m +no_defs')).toBe(1);
  expect(unitOf('+proj=lcc +lat_0=40 +datum=NAD83 +units=us-ft +no_defs')).toBeCloseTo(0.3048006);
  expect(unitOf('+proj=tmerc +to_meter=0.3047972654 +no_defs')).toBe(0.3047972654);
});

test('the default tolerance is about one meter in every unit', () => {
  const tolerance = (unit: ReturnType<typeof unitOf>) =>
    completeParameters(parseParameters(undefined), recipeOf('x'), unit).simplify_tolerance;
  expect([tolerance('degree'), tolerance(1), tolerance(0.3048)]).toEqual([0.00001, 1, 1 / 0.3048]);
});
