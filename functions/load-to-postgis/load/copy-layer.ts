import type { PostgisSession } from '#shared/postgis/postgis.ts';
import type { LayerDescription } from '../describe/describe-layer.ts';
import type { VectorSource } from './fetch-vector.ts';
import { openOptions, runGdal, type LoadContext } from '../run-gdal.ts';
import { maxCopyBytes, withCopyLimit } from '../guards/copy-limit.ts';
import { planLoad, type StagedNames } from './plan-load.ts';

export interface CopiedLayer {
  /** True when the geometries got a Z and an M that they may not have (LoadPlan). */
  dimensionsGuessed: boolean;
  /** True when the geometries have no SRID yet. */
  sridMissing: boolean;
  /** The messages of ogr2ogr. */
  stderr: string;
}

/**
 * Copies a layer into the staging table with ogr2ogr. `epsg` is the EPSG code of the CRS if PostGIS has it. Throws
 * FILE_TOO_LARGE when the layer has more rows than a file of its size can hold, and the errors of explainGdalFailure.
 */
export async function copyLayer(
  source: VectorSource,
  { layer, singleLayer }: LayerDescription,
  { table, epsg, names }: { table: string; epsg: number | undefined; names: StagedNames },
  context: LoadContext,
): Promise<CopiedLayer> {
  const { session, folder, gdal, signal } = context;
  const { command, dimensionsGuessed, sridMissing } = planLoad({
    path: source.path,
    folder,
    format: source.format,
    layer,
    singleLayer,
    schema: session.schema,
    table,
    names,
    epsg,
    openOptions: openOptions(source),
    environment: libpqEnvironment(session),
  });
  const limit = { maxBytes: await maxCopyBytes(folder, source.format), file: source.file };
  const { stderr } = await withCopyLimit(session, limit, signal, (copySignal) =>
    runGdal(source, command, { gdal, signal: copySignal }),
  );
  return { dimensionsGuessed, sridMissing, stderr };
}

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
