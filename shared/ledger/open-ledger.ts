import type { Env } from '#shared/config/env.ts';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import type { Ledger } from './ledger.ts';
import { openPostgresLedger } from './postgres/postgres-ledger.ts';

/** The implementation of each URL scheme. */
const OPENERS: Record<string, (url: string) => Promise<Ledger>> = {
  'postgres:': openPostgresLedger,
  'postgresql:': openPostgresLedger,
};

/**
 * Opens the ledger at LEDGER_URL, by default CONTROL_DATABASE_URL. Its tables are created when they are missing.
 * Throws CONFIG_INVALID when the URL is missing or has an unsupported scheme, and DATABASE_UNAVAILABLE.
 */
export async function openLedger(env: Pick<Env, 'LEDGER_URL' | 'CONTROL_DATABASE_URL'>): Promise<Ledger> {
  const variable = env.LEDGER_URL === undefined ? 'CONTROL_DATABASE_URL' : 'LEDGER_URL';
  const url = env[variable];
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
    `${variable} ${found}, but the ledger supports postgres:// and postgresql:// only.`,
    { details: { variable, scheme } },
  );
}
