import type { Env } from '#shared/config/env.ts';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import type { Ledger } from './ledger.ts';
import { openPostgresLedger } from './postgres/postgres-ledger.ts';

/** Loads the driver of MongoDB only when it is used. */
async function openMongo(url: string): Promise<Ledger> {
  const { openMongoLedger } = await import('./mongodb/mongodb-ledger.ts');
  return openMongoLedger(url);
}

/** The implementation of each URL scheme. */
const OPENERS: Record<string, (url: string) => Promise<Ledger>> = {
  'postgres:': openPostgresLedger,
  'postgresql:': openPostgresLedger,
  'mongodb:': openMongo,
  'mongodb+srv:': openMongo,
};

/** The variables that can contain the URL, the first one that is set. */
const VARIABLES = ['LEDGER_URL', 'MONGO_CONNECTION_STRING', 'CONTROL_DATABASE_URL'] as const;

/**
 * Opens the ledger at LEDGER_URL, by default MONGO_CONNECTION_STRING or CONTROL_DATABASE_URL. Its tables or collections
 * are created when they are missing. Throws CONFIG_INVALID when the URL is missing or has an unsupported scheme,
 * DATABASE_UNAVAILABLE, and SETUP_FAILED for a server or a ledger that cannot be used.
 */
export async function openLedger(env: Pick<Env, (typeof VARIABLES)[number]>): Promise<Ledger> {
  const variable = VARIABLES.find((name) => env[name] !== undefined);
  const url = variable && env[variable];
  if (url === undefined) {
    throw new SluiceError(
      'CONFIG_INVALID',
      'Neither LEDGER_URL nor CONTROL_DATABASE_URL is set, so the ledger cannot be opened.',
      { details: { variable: 'LEDGER_URL' } },
    );
  }
  // The URL may contain a password, so messages quote the scheme only.
  const scheme = /^[a-z][a-z0-9+.-]*:/i.exec(url)?.[0].toLowerCase() ?? '';
  const open = OPENERS[scheme];
  if (open !== undefined) return open(url);
  const found = scheme === '' ? 'has no URL scheme' : `begins with ${scheme}//`;
  throw new SluiceError(
    'CONFIG_INVALID',
    `${variable} ${found}, but the ledger supports mongodb:// and postgresql:// only.`,
    { details: { variable, scheme } },
  );
}
