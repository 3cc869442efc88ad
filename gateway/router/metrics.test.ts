import { expect, test } from 'vitest';
import { parseMetric } from '../../tests/fixtures/metric-series.ts';
import { RouterMetrics } from './metrics.ts';

test('scrapes at the same time share one count of the dead letters', async () => {
  let counts = 0;
  const counted = Promise.withResolvers<number>();
  const { registry } = new RouterMetrics({
    queueCounts: () => Promise.resolve([]),
    oldestWaiting: () => Promise.resolve([]),
    deadLetters: () => {
      counts += 1;
      return counted.promise;
    },
  });
  const scrapes = [registry.metrics(), registry.metrics(), registry.metrics()];
  counted.resolve(7);
  for (const text of await Promise.all(scrapes)) expect(parseMetric(text, 'sluice_dead_letters')).toBe(7);
  expect(counts).toBe(1);
});
