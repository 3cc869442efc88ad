import { appendFileSync } from 'node:fs';
import { parseEnv } from '#shared/config/env.ts';
import { startSluice } from '../../gateway/start.ts';
import { watchWrites, type WritePoint } from './durable-writes.ts';

/**
 * A Sluice that sends itself a signal at one durable write. VICTIM_POINT is the write, VICTIM_WHEN is `before` or
 * `after`, and VICTIM_SIGNAL is SIGKILL by default. With VICTIM_RECORD, it appends every write to that file instead.
 */
const record = process.env.VICTIM_RECORD;
const target =
  process.env.VICTIM_POINT === undefined ? undefined : (JSON.parse(process.env.VICTIM_POINT) as WritePoint);
let counting = false;

const signalAt = (when: 'before' | 'after') => (point: WritePoint) => {
  if (point.occurrence === 0) return;
  if (record !== undefined && when === 'before') appendFileSync(record, `${JSON.stringify(point)}\n`);
  if (
    target !== undefined &&
    when === process.env.VICTIM_WHEN &&
    point.name === target.name &&
    point.occurrence === target.occurrence
  )
    process.kill(process.pid, process.env.VICTIM_SIGNAL ?? 'SIGKILL');
};
watchWrites({ counts: () => counting, before: signalAt('before'), after: signalAt('after') });

const sluice = await startSluice(parseEnv(process.env));
process.stdout.write('ready\n');
// The test writes a line to standard input after it uploaded the manifest. Writes are counted from then on.
process.stdin.once('data', () => {
  counting = true;
  void sluice.publishWaitingManifests();
});
// The open standard input would keep the process alive.
process.on('SIGTERM', () => void sluice.stop().then(() => process.exit(0)));
