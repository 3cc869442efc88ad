import pg from 'pg';
import { expect, test } from 'vitest';
import type { StepName } from '#shared/contracts/lanes.ts';
import { ConnectionWatch, crashError, type ServerState } from './server-crash.ts';

const BEFORE: ServerState = { started: '100.5', reset: '100.6' };
const RECOVERED: ServerState = { started: '100.5', reset: '200.1' };
const RESTARTED: ServerState = { started: '200.2', reset: '200.3' };
const STEP: StepName = 'transform-recipe';
const RUN = 'r-1';
const never = new AbortController().signal;

const UNWARNED = { warned: false, reset: false };

const errorAfter = (now: ServerState, watch: Partial<typeof UNWARNED>, step: StepName = STEP) =>
  crashError({ runId: RUN, step }, { ...UNWARNED, ...watch }, BEFORE, () => Promise.resolve(now), never);

test.each([
  ['its process was killed', RECOVERED, {}, STEP, true],
  ['another process was killed', RECOVERED, { warned: true }, STEP, false],
  ['another process was killed, and the connection was reset', RECOVERED, { reset: true }, STEP, false],
  ['the server was killed', RESTARTED, {}, STEP, false],
  ['a process was killed while it sent rows', RECOVERED, {}, 'export-geoparquet', false],
] as const)('a session lost its tables because %s', async (_, now, watch, step, backend_died) => {
  expect(await errorAfter(now, watch, step)).toMatchObject({ code: 'TABLES_LOST', details: { step, backend_died } });
});

test('a connection that was closed without a crash lost no tables', async () => {
  expect(await errorAfter(BEFORE, {})).toBeUndefined();
  expect(await errorAfter({ ...BEFORE, started: '300.1' }, {})).toBeUndefined();
});

test('waits until the server has recovered, unless the signal aborts', async () => {
  const answers = [
    BEFORE, // PostgreSQL has not yet detected the end of its process.
    Object.assign(new Error('the database system is in recovery mode'), { code: '57P03' }),
    Object.assign(new Error('connect'), { code: 'ECONNREFUSED' }),
  ];
  const read = () => {
    const answer = answers.shift() ?? RECOVERED;
    return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer);
  };
  expect(await crashError({ runId: RUN, step: STEP }, UNWARNED, BEFORE, read, never)).toMatchObject({
    code: 'TABLES_LOST',
    message:
      'The working tables of run r-1 were lost in a crash of PostgreSQL, because the process that executed its ' +
      'statements was killed or crashed.',
  });
  expect(answers).toEqual([]);
  const stop = new AbortController();
  const away = () => {
    stop.abort();
    return Promise.reject(Object.assign(new Error('connect'), { code: 'ECONNREFUSED' }));
  };
  expect(await crashError({ runId: RUN, step: STEP }, UNWARNED, BEFORE, away, stop.signal)).toBeUndefined();
});

test.each([
  ['reset', 'ECONNRESET', true],
  ['reset while the client was sending', 'EPIPE', true],
  ['ended', undefined, false],
])('a connection that was %s', (_, code, reset) => {
  const client = new pg.Client();
  const watch = new ConnectionWatch(client);
  client.emit('error', Object.assign(new Error('closed'), { code }));
  expect([watch.closed, watch.reset]).toEqual([true, reset]);
});
