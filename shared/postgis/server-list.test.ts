import { expect, test } from 'vitest';
import { deterministicUuid } from '#shared/events/event.ts';
import { rankServers, serverName, serverUrls } from './server-list.ts';

const NAMES = ['db1:5432/spatial', 'db2:5432/spatial', 'db3:5432/räumlich'];
const RUNS = Array.from({ length: 6_000 }, (_, index) => deterministicUuid('run', `ingest:straße #${index}`));
const preferred = (names: string[]) => RUNS.map((run) => rankServers(run, names)[0]);

test.each([
  ['postgresql://user:geheim@DB1.example:5433/räum', 'db1.example:5433/räum'],
  ['postgres://user@127.0.0.1/spatial?sslmode=disable', '127.0.0.1:5432/spatial'],
  ['postgresql://user@[::1]:5/d', '[::1]:5/d'],
  ['postgresql://user@/Spatial?host=/tmp/A%20b&port=7', '/tmp/A b:7/Spatial'],
])('the name of %s is %s', (url, name) => {
  expect(serverName(url)).toBe(name);
});

test('white space of any kind separates the servers, in their order', () => {
  const urls = ['postgresql://a:b@h1/d', 'postgresql://a:b@h2/d', 'postgresql://a:b@h2:5433/d'];
  expect(serverUrls(` ${urls.join(' \n\t ')}\n`)).toEqual(urls);
});

test('a server that is listed twice is rejected, even with other credentials; the password is not repeated', () => {
  expect(() => serverUrls('postgresql://ana:geheim@H1/d postgresql://zoë:secret@h1:5432/d')).toThrow(
    expect.objectContaining({
      code: 'CONFIG_INVALID',
      message: 'POSTGIS_URL contains the server h1:5432/d more than once. List each server once.',
    }),
  );
});

test('a URL that cannot be parsed is rejected without its password', () => {
  const reject = () => serverName('postgresql://ana:geheim@h:port/d');
  expect(reject).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }));
  expect(reject).not.toThrow(/geheim/);
});

test('the ranking of a run does not change: runs of earlier releases are found again', () => {
  const ranked = ['db1:5432/spatial', 'db3:5432/räumlich', 'db2:5432/spatial'];
  expect(rankServers('0d4a1f6e-2f64-8c11-9a3e-0123456789ab', NAMES)).toEqual(ranked);
  expect(rankServers('0d4a1f6e-2f64-8c11-9a3e-0123456789ab', NAMES.toReversed())).toEqual(ranked);
});

test('runs spread evenly, and the second choices of a server spread over all others', () => {
  const first = preferred(NAMES);
  for (const name of NAMES) {
    const share = first.filter((other) => other === name).length / RUNS.length;
    expect(share).toBeGreaterThan(0.3);
    expect(share).toBeLessThan(0.37);
  }
  const second = RUNS.map((run) => rankServers(run, NAMES)).filter(([name]) => name === NAMES[0]);
  const ofSecond = second.filter((ranked) => ranked[1] === NAMES[1]).length / second.length;
  expect(ofSecond).toBeGreaterThan(0.45);
  expect(ofSecond).toBeLessThan(0.55);
});

test('a further server takes its share from each server, and no run moves between the others', () => {
  const added = 'db4:5432/spatial';
  const [before, after] = [preferred(NAMES), preferred([added, ...NAMES])];
  const moved = RUNS.filter((_, index) => before[index] !== after[index]);
  expect(after.filter((name, index) => name !== before[index] && name !== added)).toEqual([]);
  expect(moved.length / RUNS.length).toBeGreaterThan(0.22);
  expect(moved.length / RUNS.length).toBeLessThan(0.28);
});
