import { openRouter, testEvent } from './fixture.ts';

/** A router in a process of its own, to be killed: its function says that it began, and never ends. */
const router = await openRouter(process.argv[2] ?? '', {
  f: {
    topic: 'a',
    run: (event) =>
      new Promise(() => {
        process.stdout.write(`began ${event.id}\n`);
      }),
  },
});
await router.publish(testEvent('a', 'in the middle'));
await router.start();
setInterval(() => undefined, 1_000);
