import type { PostgisSession } from '#shared/postgis/postgis.ts';

/** Parameters of a PostgreSQL URL and the environment variables of libpq for them. */
const URL_PARAMETERS: Record<string, string> = {
  application_name: 'PGAPPNAME',
  options: 'PGOPTIONS',
  sslmode: 'PGSSLMODE',
  sslrootcert: 'PGSSLROOTCERT',
};

/**
 * The connection of a session as environment variables for a program that uses libpq. Command-line arguments are not
 * used, because every user of the machine could read the password in them.
 */
export function libpqEnvironment({
  client,
  connectionString,
}: Pick<PostgisSession, 'client' | 'connectionString'>): Record<string, string> {
  const parameters = new URLSearchParams(connectionString.slice(connectionString.indexOf('?') + 1));
  const variables: Record<string, string | null | undefined> = {
    PGHOST: client.host,
    PGPORT: String(client.port),
    PGUSER: client.user,
    PGPASSWORD: client.password,
    PGDATABASE: client.database,
  };
  for (const [parameter, variable] of Object.entries(URL_PARAMETERS)) variables[variable] = parameters.get(parameter);
  return Object.fromEntries(
    Object.entries(variables).filter(
      (entry): entry is [string, string] => typeof entry[1] === 'string' && entry[1] !== '',
    ),
  );
}
