import { Writable } from 'node:stream';
import pino from 'pino';
import type { Logger } from '#shared/log/log.ts';

/** A log whose entries a test can read. */
export function testLog(): { log: Logger; lines: Record<string, unknown>[] } {
  const lines: Record<string, unknown>[] = [];
  const out = new Writable({
    write: (text: Buffer, _encoding, done) => {
      lines.push(JSON.parse(text.toString()) as Record<string, unknown>);
      done();
    },
  });
  return { log: pino({ level: 'debug' }, out), lines };
}
