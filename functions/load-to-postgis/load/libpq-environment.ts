import type { PostgisSession } from '#shared/postgis/postgis.ts';

/** Parameters of a PostgreSQL URL that libpq also takes from the environment. */
const FROM_URL: Record<string, string> = {
  application_name: 'PGAPPNAME',
  options: 'PGOPTIONS',
  sslmode: 'PGSSLMODE',
  sslrootcert: 'PGSSLROOTCERT',
};

/** The session's database for a program of libpq's, by environment: arguments, with a password in them, can be read by every user of the machine. */
export function libpqEnvironment({
  client,
  connectionString,
}: Pick<PostgisSession, 'client' | 'connectionString'>): Record<string, string> {
  const parameters = new URLSearchParams(connectionString.slice(connectionString.indexOf('?') + 1));
  const named: [string, string | null | undefined][] = [
    ['PGHOST', client.host],
    ['PGPORT', String(client.port)],
    ['PGUSER', client.user],
    ['PGPASSWORD', client.password],
    ['PGDATABASE', client.database],
    ...Object.entries(FROM_URL).map(([parameter, variable]): [string, string | null] => [
      variable,
      parameters.get(parameter),
    ]),
  ];
  return Object.fromEntries(
    named.filter((entry): entry is [string, string] => typeof entry[1] === 'string' && entry[1] !== ''),
  );
}
