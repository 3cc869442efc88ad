import { expect, test } from 'vitest';
import type { RunGroup } from '#shared/ledger/ledger.ts';
import { lanesOf } from './overview.ts';

const group = (change: Partial<RunGroup>): RunGroup => ({
  lane: 'vector',
  status: 'success',
  hour: '2026-01-31T09',
  count: 1,
  total_seconds: 2,
  max_seconds: 2,
  ...change,
});

test('groups the runs by lane and hour, and takes the durations of ended runs', () => {
  const groups = [
    group({ hour: '2026-01-31T10', count: 3, total_seconds: 9, max_seconds: 7 }),
    group({ status: 'failure', total_seconds: 1, max_seconds: 1 }),
    group({ status: 'running', count: 2, total_seconds: 0, max_seconds: 0 }),
    group({ lane: 'raster', status: 'running', total_seconds: 0, max_seconds: 0 }),
  ];
  expect(lanesOf(groups)).toEqual([
    {
      lane: 'vector',
      hours: [
        { hour: '2026-01-31T09:00:00.000Z', running: 2, success: 0, failure: 1, canceled: 0 },
        { hour: '2026-01-31T10:00:00.000Z', running: 0, success: 3, failure: 0, canceled: 0 },
      ],
      seconds: { mean: 2.5, max: 7 },
    },
    {
      lane: 'raster',
      hours: [{ hour: '2026-01-31T09:00:00.000Z', running: 1, success: 0, failure: 0, canceled: 0 }],
      seconds: null,
    },
  ]);
});
