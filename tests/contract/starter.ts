import assert from 'node:assert/strict';
import type { Ledger } from '#shared/ledger/ledger.ts';
import type { Opener } from './opened-ledger.ts';

/** A process that opens and closes a ledger at the first message, and replies with `opened` or the error. */
const opener = JSON.parse(process.argv[2] ?? '') as Opener;
const open = ((await import(opener.module)) as Record<string, (url: string) => Promise<Ledger>>)[opener.function];
assert(open !== undefined, `${opener.module} does not export ${opener.function}`);

process.once('message', () => {
  void open(opener.url)
    .then(async (ledger) => {
      await ledger.ping();
      await ledger.close();
    })
    .then(
      () => process.send?.('opened'),
      (thrown: unknown) => process.send?.(String(thrown)),
    )
    .then(() => process.disconnect());
});
process.send?.('ready');
