import { expect, test } from 'vitest';
import { simulate } from './scaling-model.ts';

const COSTS = { postgis: 0.4, functions: 0.6, ledger: 0.01, queue: 0.01, router: 0.02 };

test('one function is limited by itself: the sum of all times', () => {
  const { runsPerMinute, limit } = simulate(COSTS, { servers: 1, functions: 1, cores: 4, gateways: 1 });
  expect(runsPerMinute).toBeCloseTo(60 / 1.04, 0);
  expect(limit).toBe('functions');
});

test('many functions are limited by the cores of one PostGIS server', () => {
  const { runsPerMinute, limit } = simulate(COSTS, { servers: 1, functions: 64, cores: 4, gateways: 1 });
  expect(runsPerMinute).toBeGreaterThan(590);
  expect(runsPerMinute).toBeLessThan(601);
  expect(limit).toBe('postgis');
});

test('more servers increase the rate, but less than proportionally, as the hash does not spread runs exactly', () => {
  const { runsPerMinute } = simulate(COSTS, { servers: 4, functions: 64, cores: 4, gateways: 1 });
  expect(runsPerMinute).toBeGreaterThan(3 * 590);
  expect(runsPerMinute).toBeLessThan(4 * 601);
});

test('the router ends the growth', () => {
  const { runsPerMinute, limit } = simulate(COSTS, { servers: 64, functions: 512, cores: 4, gateways: 1 });
  expect(runsPerMinute).toBeGreaterThan(2_950);
  expect(runsPerMinute).toBeLessThan(3_001);
  expect(limit).toBe('router');
});
