import type { Env } from '#shared/config/env.ts';
import { EXIT, runCommand } from '../run-command.ts';
import type { Terminal } from '../output/terminal.ts';

/** `sluice setup-storage`: creates buckets, users and rules in the object store at S3_ENDPOINT. */
export function setupStorageCommand(env: Env, terminal: Terminal): Promise<number> {
  return runCommand(async (signal) => {
    // Imported here, because only this command needs the S3 client, which takes most of the start-up time.
    const { setupStorage } = await import('../storage/setup-storage.ts');
    await setupStorage(env, { print: (line) => terminal.stdout.write(`${line}\n`), signal });
    return EXIT.success;
  }, terminal);
}
