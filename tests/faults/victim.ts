import { appendFileSync } from 'node:fs';
import { parseEnv } from '#shared/config/env.ts';
import { startSluice } from '../../gateway/start.ts';
import { watchWrites, type WritePoint } from './durable-writes.ts';

/**
 * A Sluice that is killed (-9) at one durable write: VICTIM_POINT names it, VICTIM_WHEN says `before` or `after`. VICTIM_SIGNAL
 * is another signal that it gets instead: SIGSTOP freezes it there.
 * With VICTIM_RECORD it lives, and appends the name of each write to that file.
 */
const record = process.env.VICTIM_RECORD;
const at = process.env.VICTIM_POINT === undefined ? undefined : (JSON.parse(process.env.VICTIM_POINT) as WritePoint);
let armed = false;

const dieAt = (when: 'before' | 'after') => (point: WritePoint) => {
  if (point.occurrence === 0) return;
  if (record !== undefined && when === 'before') appendFileSync(record, `${JSON.stringify(point)}\n`);
  if (
    at !== undefined &&
    when === process.env.VICTIM_WHEN &&
    point.name === at.name &&
    point.occurrence === at.occurrence
  )
    process.kill(process.pid, process.env.VICTIM_SIGNAL ?? 'SIGKILL');
};
watchWrites({ counts: () => armed, before: dieAt('before'), after: dieAt('after') });

const sluice = await startSluice(parseEnv(process.env));
process.stdout.write('ready\n');
// From here on writes count; any line on standard input says that the manifest was uploaded.
process.stdin.once('data', () => {
  armed = true;
  void sluice.publishWaitingManifests();
});
process.on('SIGTERM', () => void sluice.stop().then(() => process.exit(0))); // Standard input would keep it.
