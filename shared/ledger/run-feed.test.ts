import { expect, test } from 'vitest';
import { RunFeed, type RunSource } from './run-feed.ts';

/** A feed whose sources open when the test resolves or rejects them, and how many are open. */
function feedOfTest() {
  const openings: PromiseWithResolvers<RunSource>[] = [];
  let closed = 0;
  const feed = new RunFeed(() => {
    const opening = Promise.withResolvers<RunSource>();
    openings.push(opening);
    return opening.promise;
  });
  const source = { close: () => void (closed += 1) };
  return { feed, openings, source, closed: () => closed };
}

test('a source that fails to open after its listener has gone does not replace a newer one', async () => {
  const { feed, openings, source, closed } = feedOfTest();
  const [first, second] = [new AbortController(), new AbortController()];
  const failed = feed.listen(() => undefined, first.signal);
  first.abort();
  const opened = feed.listen(() => undefined, second.signal);
  openings[1]?.resolve(source);
  await opened;
  openings[0]?.reject(new Error('The server does not respond.'));
  await expect(failed).rejects.toThrow('The server does not respond.');
  await feed.close();
  expect([openings.length, closed()]).toEqual([2, 1]);
});

test('listeners share one source, which is closed after the last of them', async () => {
  const { feed, openings, source, closed } = feedOfTest();
  const [first, second] = [new AbortController(), new AbortController()];
  const listening = [feed.listen(() => undefined, first.signal), feed.listen(() => undefined, second.signal)];
  openings[0]?.resolve(source);
  await Promise.all(listening);
  first.abort();
  expect([openings.length, closed()]).toEqual([1, 0]);
  second.abort();
  await expect.poll(closed).toBe(1);
});
