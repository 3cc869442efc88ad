import { expect, test } from 'vitest';
import { openProjection } from './projection.ts';
import { MAX_POINTS, Selection } from './selection.ts';

/** A pixel is a degree. */
const VIEW = { bounds: [0, 0, 100, 50] as [number, number, number, number], width: 100, height: 50 };

function select(xs: Float64Array, size: number, parts = 1): Selection {
  const selection = new Selection(VIEW, [VIEW.bounds], openProjection(undefined));
  const rows = xs.length / parts;
  for (let part = 0; part < parts; part++) {
    const xmin = xs.slice(part * rows, (part + 1) * rows);
    const ymin = new Float64Array(rows).fill(20);
    selection.add({ xmin, ymin, xmax: xmin.map((x) => x + size), ymax: ymin }, part * rows);
  }
  return selection;
}

const spread = (count: number) => Float64Array.from({ length: count }, (_, index) => (index % 1000) / 10);

test('draws all features below the budget, also those at the same place', () => {
  const selection = select(new Float64Array(MAX_POINTS).fill(50), 0);
  expect(selection.points()).toHaveLength(MAX_POINTS);
  expect(selection.found).toBe(MAX_POINTS);
});

test('draws one point of each cell above the budget', () => {
  const selection = select(spread(2 * MAX_POINTS), 0, 4);
  expect(selection.found).toBe(2 * MAX_POINTS);
  // One row of cells.
  expect(selection.points().length).toBe(Math.ceil(100 / 3));
});

test('thins no feature that is large enough for its shape', () => {
  const selection = select(spread(2 * MAX_POINTS), 5);
  expect(selection.largest()).toHaveLength(2 * MAX_POINTS);
  expect(selection.points()).toEqual([]);
});
