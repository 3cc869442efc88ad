import { createHash } from 'node:crypto';
import pg from 'pg';
import { SluiceError } from '#shared/errors/sluice-error.ts';

/** The servers that POSTGIS_URL names, and the order in which a run prefers them. */

/**
 * The URLs of POSTGIS_URL, which white space separates: a URL contains none (RFC 3986). Commas would be read as
 * alternative hosts of one server, as in libpq. Throws CONFIG_INVALID for a server that is listed more than once.
 */
export function serverUrls(postgisUrl: string): string[] {
  const urls = postgisUrl.trim().split(/\s+/);
  const names = urls.map(serverName);
  const repeated = names.find((name, index) => names.indexOf(name) < index);
  if (repeated === undefined) return urls;
  throw new SluiceError(
    'CONFIG_INVALID',
    `POSTGIS_URL contains the server ${repeated} more than once. List each server once.`,
    {
      details: { variable: 'POSTGIS_URL', server: repeated },
    },
  );
}

/**
 * `host:port/database` of a URL of PostgreSQL, without user and password. The host of a Unix socket is its folder. The
 * ledger stores the name, so it must not depend on anything else.
 */
export function serverName(url: string): string {
  const { host, port, database } = parseUrl(url);
  return `${formatHost(host)}:${port}/${database ?? ''}`;
}

function parseUrl(url: string): pg.Client {
  try {
    return new pg.Client({ connectionString: url });
  } catch {
    // The error of the parser contains the URL, and so the password.
    throw new SluiceError('CONFIG_INVALID', 'POSTGIS_URL contains a URL that PostgreSQL clients cannot parse.', {
      details: { variable: 'POSTGIS_URL' },
    });
  }
}

function formatHost(host: string): string {
  if (host.startsWith('/')) return host;
  return host.includes(':') ? `[${host}]` : host.toLowerCase();
}

/**
 * The servers in the order in which the run prefers them: rendezvous hashing, so that a further server changes the
 * preferred one of few runs, and the runs of an unavailable server spread over the others (Thaler and Ravishankar,
 * "Using name-based mappings to increase hit rates", 1998).
 */
export function rankServers(runId: string, names: readonly string[]): string[] {
  const scored = names.map((name) => ({ name, score: scoreOf(runId, name) }));
  return scored.sort((a, b) => (a.score < b.score ? 1 : -1)).map(({ name }) => name);
}

function scoreOf(runId: string, name: string): string {
  return createHash('sha256').update(`${runId} ${name}`).digest('hex');
}
