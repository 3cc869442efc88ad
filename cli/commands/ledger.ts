import type { Env } from '#shared/config/env.ts';
import { EXIT, runCommand, writeJson } from '../run-command.ts';
import type { Terminal } from '../output/terminal.ts';
import type { StoredLedger } from '#shared/ledger/transfer/stored-ledger.ts';

export interface TransferFlags {
  active?: boolean;
}

/** `sluice ledger export FILE`: writes the ledger to a file of JSON lines. */
export function exportCommand(file: string, flags: TransferFlags, env: Env, terminal: Terminal): Promise<number> {
  return runCommand(
    async (signal) => {
      const { exportLedger } = await import('#shared/ledger/transfer/export-ledger.ts');
      const counts = await useLedger(env, (ledger) =>
        exportLedger(file, ledger, { active: flags.active === true, signal }),
      );
      const total = Object.values(counts).reduce((sum, count) => sum + count, 0);
      if (terminal.json) writeJson(terminal, { file, counts });
      else terminal.stdout.write(`Exported ${total} documents, ${counts.runs} of them runs, to ${file}.\n`);
      return EXIT.success;
    },
    terminal,
    { interrupted: () => `Interrupted. ${file} was not written.` },
  );
}

/** `sluice ledger import FILE`: inserts the documents of an export that the ledger does not contain. */
export function importCommand(file: string, flags: TransferFlags, env: Env, terminal: Terminal): Promise<number> {
  return runCommand(
    async (signal) => {
      const { importLedger } = await import('#shared/ledger/transfer/import-ledger.ts');
      const report = await useLedger(env, (ledger) =>
        importLedger(file, ledger, { active: flags.active === true, signal }),
      );
      if (terminal.json) writeJson(terminal, { file, ...report });
      else
        terminal.stdout.write(`Imported ${report.inserted} documents. ${report.present} were already in the ledger.\n`);
      return EXIT.success;
    },
    terminal,
    { interrupted: () => `Interrupted. To complete the import, repeat it: npx sluice ledger import ${file}` },
  );
}

/**
 * Calls `work` with the documents of the ledger that the environment names, else of the ledger in the embedded
 * PostgreSQL below SLUICE_HOME. Sluice may be running.
 */
async function useLedger<T>(env: Env, work: (ledger: StoredLedger) => Promise<T>): Promise<T> {
  // Imported here, because only these commands need the drivers, which take most of the start-up time.
  const { namesLedger, openStoredLedger } = await import('#shared/ledger/open-ledger.ts');
  if (namesLedger(env)) return withLedger(await openStoredLedger(env), work);
  const [{ openControlDatabase }, { homeFolder }] = await Promise.all([
    import('../../gateway/embedded/control-database.ts'),
    import('../../gateway/embedded/home-folder.ts'),
  ]);
  const database = await openControlDatabase(homeFolder());
  try {
    return await withLedger(await openStoredLedger({ ...env, CONTROL_DATABASE_URL: database.url }), work);
  } finally {
    await database.close();
  }
}

async function withLedger<T>(ledger: StoredLedger, work: (ledger: StoredLedger) => Promise<T>): Promise<T> {
  try {
    return await work(ledger);
  } finally {
    await ledger.close();
  }
}
