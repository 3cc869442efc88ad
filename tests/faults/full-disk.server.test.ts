import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { text } from 'node:stream/consumers';
import { expect, test, vi } from 'vitest';
import type { RunView } from '#shared/api/views.ts';
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
      const runningRuns = () => readJson<RunView[]>(sluice, '/api/runs?status=running');
      const during = [];
      for (let [cycle, met] = [0, 0]; met < CYCLES; cycle += 1) {
        const name = `during-${cycle}`;
        during.push(...batchesOf(name));
        const repeated = await repeatedDeliveries(sluice.url);
        await vi.waitUntil(
          async () =>
            (await runningRuns())?.some(
              ({ batch_id, steps }) =>
                batch_id?.startsWith(name) === true && steps.some(({ status }) => status === 'running'),
            ),
          { timeout: TIMEOUT_MS, interval: 5 },
        );
        disk.fill();
        await vi.waitUntil(() => isRejectedForSpace(sluice.url, disk.fill), { timeout: TIMEOUT_MS, interval: 50 });
        // On a busy machine, all runs can end before the disk is full. Then the cycle does not count.
        const outcome = await vi.waitUntil(
          async () => {
            disk.fill();
            const runs = await runningRuns();
            if ((await repeatedDeliveries(sluice.url)) > repeated || (await isDown(sluice.url))) return 'met';
            return runs?.length === 0 ? 'all runs had ended' : undefined;
          },
          { timeout: TIMEOUT_MS, interval: 50 },
        );
        if (outcome === 'met') met += 1;
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
  const reply = await send(`${url}/api/landing/full`, 'PUT', Buffer.alloc(2 ** 20)).catch(() => undefined);
  return reply !== undefined && reply.status >= 500 && reply.text.includes('DISK_FULL');
}

async function repeatedDeliveries(url: string): Promise<number> {
  const metrics = (await send(`${url}/metrics`)).text;
  const counts = metrics.matchAll(/^sluice_deliveries_total\{.*outcome="retry".*\} (\d+)$/gm);
  return [...counts].reduce((sum, [, count]) => sum + Number(count), 0);
}

async function isDown(url: string): Promise<boolean> {
  return (await send(`${url}/healthz`)).status === 503;
}

/**
 * Sends a request on a connection of its own. fetch would use a connection of the uploads, which the gateway closes
 * when it has rejected an upload and the rest of the body does not arrive in time.
 */
async function send(url: string, method = 'GET', body?: Buffer): Promise<{ status: number; text: string }> {
  const sent = request(url, { method, agent: false });
  sent.end(body);
  const [reply] = (await once(sent, 'response')) as [IncomingMessage];
  sent.on('error', () => undefined); // The gateway closes the connection while the rest of the body is sent.
  return { status: reply.statusCode ?? 0, text: await text(reply) };
}
