import type { Env } from '#shared/config/env.ts';
import { EXIT, runCommand } from '../run-command.ts';
import type { Terminal } from '../output/terminal.ts';

/** `sluice setup-storage`: creates the buckets and the notification rule in the object store at S3_ENDPOINT. */
export function setupStorageCommand(env: Env, terminal: Terminal): Promise<number> {
  return runCommand(async () => {
    // Imported here, because only this command needs the S3 client, which takes most of the start-up time.
    const { setupStorage } = await import('../setup-storage.ts');
    await setupStorage(env, (line) => terminal.stdout.write(`${line}\n`));
    return EXIT.success;
  }, terminal);
}
