import { Registry } from 'prom-client';
import { expect, test } from 'vitest';
import { deterministicUuid, type SluiceEvent } from '#shared/events/event.ts';
import { testEvent } from '../../tests/fixtures/router.ts';
import { parseMetric } from '../../tests/fixtures/metric-series.ts';
import { RunMetrics } from './run-metrics.ts';

function ended(name: string, inputbytes: string, sizes = {}): SluiceEvent {
  const subject = deterministicUuid(name);
  const data = { run_id: subject, lane: 'tabular', ...sizes };
  return { ...testEvent('sluice.run.succeeded', name, data), subject, inputbytes };
}

test('a size that is not a whole number from 0 is not counted, and later sizes are', async () => {
  const registry = new Registry();
  const metrics = new RunMetrics(registry);
  for (const [index, size] of ['-1', 'x', '1.5', 'Infinity', '9007199254740993', '7'].entries())
    metrics.count(ended(`run ${index}`, size));
  metrics.count(ended('negative', '0', { row_count: -1, size_bytes: -5 }));
  metrics.count(ended('valid', '0', { row_count: 3, size_bytes: 40 }));
  const text = await registry.metrics();
  const tabular = { lane: 'tabular' };
  expect(parseMetric(text, 'sluice_input_bytes_total', tabular)).toBe(7);
  expect(parseMetric(text, 'sluice_asset_rows_total', tabular)).toBe(3);
  expect(parseMetric(text, 'sluice_asset_bytes_total', tabular)).toBe(40);
  expect(parseMetric(text, 'sluice_runs_total', { ...tabular, status: 'success' })).toBe(7);
});
