import { expect, test } from 'vitest';
import { FailureLimit, MAX_ENTRIES, MAX_FAILURES, WINDOW_MS } from './failure-limit.ts';

const REFUSED = expect.objectContaining({ code: 'TOO_MANY_ATTEMPTS' }) as unknown as Error;

function limit() {
  const clock = { now: 1_000_000 };
  return { clock, failures: new FailureLimit(() => clock.now) };
}

function fail(failures: FailureLimit, count: number, user: string | undefined, address: (n: number) => string) {
  for (let n = 0; n < count; n += 1) failures.begin(user, address(n));
}

test('limits the failures of a user from one address, until the window has passed', () => {
  const { clock, failures } = limit();
  fail(failures, MAX_FAILURES.pair, 'ana', () => '192.0.2.1');
  clock.now += 1_000;
  expect(() => failures.begin('ana', '192.0.2.1')).toThrow(
    expect.objectContaining({ retryAfterSeconds: WINDOW_MS / 1000 - 1 }) as Error,
  );
  expect(() => failures.begin('ana', '192.0.2.2')).not.toThrow();
  expect(() => failures.begin('bob', '192.0.2.1')).not.toThrow();
  clock.now += WINDOW_MS;
  expect(() => failures.begin('ana', '192.0.2.1')).not.toThrow();
});

test('limits the failures from one address with many names, and with tokens', () => {
  const { failures } = limit();
  for (let n = 0; n < MAX_FAILURES.address - 1; n += 1) failures.begin(`user${n}`, '192.0.2.1');
  failures.begin(undefined, '192.0.2.1');
  expect(() => failures.begin(undefined, '192.0.2.1')).toThrow(REFUSED);
  expect(() => failures.begin('new', '192.0.2.1')).toThrow(REFUSED);
});

test('limits the failures of one user from many addresses', () => {
  const { failures } = limit();
  fail(failures, MAX_FAILURES.user, 'ana', (n) => `198.51.${n >> 8}.${n & 255}`);
  expect(() => failures.begin('ana', '203.0.113.1')).toThrow(REFUSED);
});

test('the addresses of one IPv6 network count together, and an IPv4 address in IPv6 form alone', () => {
  const { failures } = limit();
  fail(failures, MAX_FAILURES.pair, 'ana', (n) => `2001:db8:1:2::${n}`);
  expect(() => failures.begin('ana', '2001:db8:1:2:ffff::1')).toThrow(REFUSED);
  expect(() => failures.begin('ana', '2001:db8:1:3::1')).not.toThrow();
  fail(failures, MAX_FAILURES.pair, 'bob', () => '::ffff:192.0.2.1');
  expect(() => failures.begin('bob', '192.0.2.1')).toThrow(REFUSED);
  expect(() => failures.begin('bob', '::ffff:192.0.2.2')).not.toThrow();
});

test('successes do not count', () => {
  const { failures } = limit();
  for (let n = 0; n < 1_000; n += 1) failures.begin('ana', '192.0.2.1')();
  for (let n = 0; n < 1_000; n += 1) failures.begin(undefined, '192.0.2.1')();
  expect(() => failures.begin('ana', '192.0.2.1')).not.toThrow();
});

test('a success of one user does not reset the failures with other names from the address', () => {
  const { failures } = limit();
  for (let n = 0; n < MAX_FAILURES.address - 1; n += 1) failures.begin(`user${n}`, '192.0.2.1');
  failures.begin('ana', '192.0.2.1')();
  failures.begin('eve', '192.0.2.1');
  expect(() => failures.begin('ana', '192.0.2.1')).toThrow(REFUSED);
});

test('the memory is bounded', () => {
  const { failures } = limit();
  for (let n = 0; n < MAX_ENTRIES; n += 1) failures.begin(`user${n}`, `10.${n >> 16}.${(n >> 8) & 255}.${n & 255}`);
  expect(failures.size).toBeLessThanOrEqual(MAX_ENTRIES);
});
