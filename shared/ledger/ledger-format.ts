import { SLUICE_VERSION } from '#shared/config/version.ts';
import { SluiceError } from '#shared/errors/sluice-error.ts';

/** What a database states about the ledger in it. */
export interface LedgerFormat {
  format: number;
  /** Version of the Sluice that set it up. */
  release: string;
}

/** A change of the documents or their tables. It must have the same result when it is repeated. */
export interface Migration<T> {
  /** Number of the ledger format after the change. */
  format: number;
  apply: T;
}

/** The format of this Sluice: that of the last migration. 1 is the format before the first one. */
export function ownFormat(migrations: readonly Migration<unknown>[]): LedgerFormat {
  return { format: migrations.at(-1)?.format ?? 1, release: SLUICE_VERSION };
}

/** The migrations that a ledger needs, in their order. Throws LEDGER_TOO_NEW if it has a later format. */
export function missingMigrations<T>(
  found: LedgerFormat,
  own: LedgerFormat,
  migrations: readonly Migration<T>[],
): Migration<T>[] {
  if (found.format <= own.format) return migrations.filter(({ format }) => format > found.format);
  throw new SluiceError(
    'LEDGER_TOO_NEW',
    `The ledger was upgraded to format ${found.format} by Sluice ${found.release}; this release, Sluice ` +
      `${own.release}, supports format ${own.format}. Install Sluice ${found.release}, or set LEDGER_URL to another ` +
      'database.',
    { details: { format: found.format, release: found.release } },
  );
}
