import type { Env } from '#shared/config/env.ts';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import type { Ledger } from './ledger.ts';
import { openPostgresLedger } from './postgres/postgres-ledger.ts';
import type { StoredLedger } from './transfer/stored-ledger.ts';

/** What can be opened at the URL of a ledger. The modules of a driver are loaded only when it is used. */
interface Implementation {
  ledger(url: string): Promise<Ledger>;
  stored(url: string): Promise<StoredLedger>;
}

const POSTGRES: Implementation = {
  ledger: openPostgresLedger,
  stored: async (url) => (await import('./postgres/stored-ledger.ts')).openStoredPostgresLedger(url),
};
const MONGODB: Implementation = {
  ledger: async (url) => (await import('./mongodb/mongodb-ledger.ts')).openMongoLedger(url),
  stored: async (url) => (await import('./mongodb/stored-ledger.ts')).openStoredMongoLedger(url),
};
/** The implementation of each URL scheme. */
const IMPLEMENTATIONS: Record<string, Implementation> = {
  'postgres:': POSTGRES,
  'postgresql:': POSTGRES,
  'mongodb:': MONGODB,
  'mongodb+srv:': MONGODB,
};

/** The variables that can contain the URL, the first one that is set. */
const VARIABLES = ['LEDGER_URL', 'MONGO_CONNECTION_STRING', 'CONTROL_DATABASE_URL'] as const;
type LedgerVariables = Pick<Env, (typeof VARIABLES)[number]>;

/**
 * Opens the ledger at LEDGER_URL, by default MONGO_CONNECTION_STRING or CONTROL_DATABASE_URL. Its tables or collections
 * are created when they are missing. Throws CONFIG_INVALID when the URL is missing or has an unsupported scheme,
 * DATABASE_UNAVAILABLE, and SETUP_FAILED for a server or a ledger that cannot be used.
 */
export async function openLedger(env: LedgerVariables): Promise<Ledger> {
  const { url, implementation } = locate(env);
  return implementation.ledger(url);
}

/** Opens all documents of the ledger, for export and import. As openLedger. */
export async function openStoredLedger(env: LedgerVariables): Promise<StoredLedger> {
  const { url, implementation } = locate(env);
  return implementation.stored(url);
}

/** Whether the environment contains the URL of a ledger. */
export function namesLedger(env: LedgerVariables): boolean {
  return VARIABLES.some((name) => env[name] !== undefined);
}

function locate(env: LedgerVariables): { url: string; implementation: Implementation } {
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
  const implementation = IMPLEMENTATIONS[scheme];
  if (implementation !== undefined) return { url, implementation };
  const found = scheme === '' ? 'has no URL scheme' : `begins with ${scheme}//`;
  throw new SluiceError(
    'CONFIG_INVALID',
    `${variable} ${found}, but the ledger supports mongodb:// and postgresql:// only.`,
    { details: { variable, scheme } },
  );
}
