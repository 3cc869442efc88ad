import { appendFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { parseEnv } from '#shared/config/env.ts';
import { startSluice } from '../../gateway/start-sluice.ts';
import { watchWrites, type WritePoint } from './durable-writes.ts';

/**
 * A Sluice that is killed, stopped or held at one durable write, or records its durable writes. It reads its orders
 * from standard input. Each is a line of JSON, which the test sends after it uploaded a manifest. Writes are counted
 * from then on. A Sluice that survives an order can receive another one.
 */
export interface Order {
  /** The write, and whether it has happened at the action. Without a target, `unarmed` is printed. */
  target?: {
    point: WritePoint;
    when: 'before' | 'after';
    /** A signal to the process. `hold`: the batch waits at the write until the process ends, and `held` is printed. */
    action: 'SIGKILL' | 'SIGSTOP' | 'hold';
  };
  /** A file to which every write is appended. */
  record?: string;
}

let order: Order | undefined;
const observe = (when: 'before' | 'after') => (point: WritePoint) => {
  if (order === undefined || point.occurrence === 0) return undefined;
  const { target, record } = order;
  if (record !== undefined && when === 'before') appendFileSync(record, `${JSON.stringify(point)}\n`);
  if (when !== target?.when || point.name !== target.point.name || point.occurrence !== target.point.occurrence)
    return undefined;
  if (target.action === 'hold') {
    process.stdout.write('held\n');
    return new Promise<never>(() => undefined);
  }
  process.kill(process.pid, target.action);
  return undefined;
};
const restartCount = watchWrites({
  counts: () => order !== undefined,
  before: observe('before'),
  after: observe('after'),
});

const sluice = await startSluice(parseEnv(process.env));
process.stdout.write('ready\n');
createInterface({ input: process.stdin }).on('line', (line) => {
  restartCount();
  order = JSON.parse(line) as Order;
  if (order.target === undefined) process.stdout.write('unarmed\n');
  void sluice.publishWaitingManifests();
});
// The open standard input would keep the process alive.
process.on('SIGTERM', () => void sluice.stop().then(() => process.exit(0)));
