import { appendFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { parseEnv } from '#shared/config/env.ts';
import { startSluice } from '../../gateway/start.ts';
import { watchWrites, type WritePoint } from './durable-writes.ts';

/**
 * A Sluice that sends itself a signal at one durable write, or records its durable writes. It reads its order from
 * standard input, one line of JSON, which the test sends after it uploaded a manifest. Writes are counted from then on.
 */
export interface Order {
  /** The write, and whether the signal is sent before or after it. The signal is SIGKILL by default. */
  target?: { point: WritePoint; when: 'before' | 'after'; signal?: NodeJS.Signals };
  /** A file to which every write is appended. */
  record?: string;
}

let order: Order | undefined;
const observe = (when: 'before' | 'after') => (point: WritePoint) => {
  if (order === undefined || point.occurrence === 0) return;
  const { target, record } = order;
  if (record !== undefined && when === 'before') appendFileSync(record, `${JSON.stringify(point)}\n`);
  if (when === target?.when && point.name === target.point.name && point.occurrence === target.point.occurrence)
    process.kill(process.pid, target.signal ?? 'SIGKILL');
};
watchWrites({ counts: () => order !== undefined, before: observe('before'), after: observe('after') });

const sluice = await startSluice(parseEnv(process.env));
process.stdout.write('ready\n');
createInterface({ input: process.stdin }).once('line', (line) => {
  order = JSON.parse(line) as Order;
  void sluice.publishWaitingManifests();
});
// The open standard input would keep the process alive.
process.on('SIGTERM', () => void sluice.stop().then(() => process.exit(0)));
