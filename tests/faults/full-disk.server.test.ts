import { expect, test, vi } from 'vitest';
import { GOOD_KINDS } from '../chaos/good-batches.ts';
import { readJson, submit } from '../chaos/load.ts';
import { randomFrom } from '../chaos/random.ts';
import { startChaosSluice } from '../chaos/sluice.ts';
import { mountSmallDisk } from '../small-disk.ts';
import { countLeftovers } from '../soak/leftovers.ts';

/** The disk of SLUICE_HOME, with PostgreSQL, object store, scratch files and log, fills and empties during runs. */

/** The databases and their write-ahead log need half of it. */
const DISK_MEBIBYTES = 400;
const CYCLES = 2;
const TIMEOUT_MS = 240_000;

test(
  'runs wait or fail with DISK_FULL while the disk is full, and nothing is left when space has returned',
  { timeout: 2 * TIMEOUT_MS },
  async ({ skip }) => {
    const disk = mountSmallDisk(DISK_MEBIBYTES) ?? skip('mount is not permitted');
    const sluice = await startChaosSluice({ home: disk.folder, variables: { RETRY_DELAY_MAX_SECONDS: '2' } });
    try {
      const random = randomFrom(1);
      const batchesOf = (name: string) =>
        GOOD_KINDS.filter((_, index) => index < 7).map((kind, n) => submit(sluice, `${name}-${n}`, kind(n, random)));
      const during = [];
      for (let cycle = 0; cycle < CYCLES; cycle += 1) {
        during.push(...batchesOf(`during-${cycle}`));
        await vi.waitUntil(
          async () =>
            (await readJson<{ steps: { status: string }[] }[]>(sluice, '/api/runs?status=running'))?.some(({ steps }) =>
              steps.some(({ status }) => status === 'running'),
            ),
          { timeout: TIMEOUT_MS, interval: 5 },
        );
        disk.fill();
        const repeated = await repeatedDeliveries(sluice.url);
        await vi.waitUntil(() => isRejectedForSpace(sluice.url, disk.fill), { timeout: TIMEOUT_MS, interval: 50 });
        // Until a run has met the full disk, or PostgreSQL has ended.
        await vi.waitUntil(
          async () => {
            disk.fill();
            return (await repeatedDeliveries(sluice.url)) > repeated || (await isDown(sluice.url));
          },
          { timeout: TIMEOUT_MS, interval: 50 },
        );
        disk.empty();
      }
      for (const { id, run } of await Promise.all(batchesOf('after')))
        expect(run, id).toMatchObject({ status: 'success', error: null });
      for (const { id, run } of await Promise.all(during))
        expect(`${id}: ${run?.status} ${run?.error?.code ?? ''}`).toMatch(/: (success|failure DISK_FULL)/);
      const instance = await sluice.instance();
      const { 'dead letters': _explained, ...left } = await countLeftovers(instance);
      await instance.stop();
      expect(Object.entries(left).filter(([, count]) => count !== 0)).toEqual([]);
    } finally {
      await sluice.stop();
    }
  },
);

/**
 * Whether an upload is rejected because the disk is full. The disk is filled again, because PostgreSQL can free space.
 * The gateway may close the connection before the client has sent the whole body; then the client sees no reply.
 */
async function isRejectedForSpace(url: string, fill: () => void): Promise<boolean> {
  fill();
  const upload = request(`${url}/api/landing/full`, { method: 'PUT', body: Buffer.alloc(2 ** 20) });
  const reply = await upload.catch(() => undefined);
  return reply !== undefined && reply.status >= 500 && (await reply.text()).includes('DISK_FULL');
}

/** Sends no second request on a connection, because a gateway that rejects an upload closes the connection after it. */
function request(url: string, options: RequestInit = {}): Promise<Response> {
  return fetch(url, { ...options, headers: { connection: 'close' } });
}

async function repeatedDeliveries(url: string): Promise<number> {
  const metrics = await (await request(`${url}/metrics`)).text();
  const counts = metrics.matchAll(/^sluice_deliveries_total\{.*outcome="retry".*\} (\d+)$/gm);
  return [...counts].reduce((sum, [, count]) => sum + Number(count), 0);
}

async function isDown(url: string): Promise<boolean> {
  return (await request(`${url}/healthz`)).status === 503;
}
