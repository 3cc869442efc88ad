import { expect, test, vi } from 'vitest';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { testEvent } from '../../tests/fixtures/router.ts';
import { parseMetric } from '../../tests/fixtures/metric-series.ts';
import { eventually, RoutersOfTest } from '../../tests/fixtures/routers-of-test.ts';
import { Queues } from './queues.ts';

const routers = new RoutersOfTest();

test('a reply whose transaction was rolled back and repeated counts once', async () => {
  let received = 0;
  const router = await routers.start({
    f: { topic: 'a', run: () => Promise.resolve(testEvent('b', 'reply é')) },
    g: {
      topic: 'b',
      run: () => {
        received += 1;
        return Promise.resolve(undefined);
      },
    },
  });
  const complete = vi
    .spyOn(Queues.prototype, 'complete')
    .mockRejectedValueOnce(new SluiceError('DATABASE_UNAVAILABLE', 'The connection was closed.'));
  await router.publish(testEvent('a', '1'));
  await eventually(() => expect(received).toBe(1));
  expect(complete).toHaveBeenCalled();
  const metrics = await router.registry.metrics();
  expect(parseMetric(metrics, 'sluice_events_total', { outcome: 'added' })).toBe(2);
  expect(parseMetric(metrics, 'sluice_events_total', { outcome: 'repeat' })).toBeUndefined();
});
