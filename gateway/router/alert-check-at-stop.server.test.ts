import { expect, test, vi } from 'vitest';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { startRouter, testEvent } from '../../tests/fixtures/router.ts';
import { eventually, RoutersOfTest } from '../../tests/fixtures/routers-of-test.ts';
import { AlertWatch } from '../alerts/alert-watch.ts';

const routers = new RoutersOfTest();

test('the stop cancels running calls while a check for alerts waits for a disk that does not respond', async () => {
  vi.spyOn(AlertWatch.prototype, 'check').mockReturnValue(new Promise(() => undefined));
  let calls = 0;
  const canceled = Promise.withResolvers<string>();
  const router = await startRouter(
    routers.databaseUrl,
    {
      f: {
        topic: 'a',
        run: (event, { signal }) =>
          new Promise((_, reject) => {
            calls += 1;
            signal.addEventListener('abort', () => {
              canceled.resolve(event.id);
              reject(new SluiceError('FUNCTION_UNAVAILABLE', 'The call was aborted.'));
            });
          }),
      },
    },
    { ALERT_WEBHOOK_URL: 'http://127.0.0.1:9/hook' },
  );
  await router.publish(testEvent('a', 'läuft'));
  await eventually(() => expect(calls).toBe(1));
  const stopped = router.stop();
  expect(await canceled.promise).toBe('läuft');
  await stopped;
});
