import type { HealthDocument, VersionsDocument } from '#shared/api/health.ts';
import type { GdalHealth } from '#shared/gdal/health.ts';
import { counted } from '#shared/text/amounts.ts';
import type { GatewayClient } from '../gateway-client.ts';
import { formatTable, type Terminal } from '../output/terminal.ts';
import { EXIT, runCommand, writeJson } from '../run-command.ts';

/** `sluice health`: shows the state of the servers and of GDAL. Exits with 1 if Sluice cannot process runs. */
export function health(client: GatewayClient, terminal: Terminal): Promise<number> {
  return runCommand(async (signal) => {
    const document = await client.get<HealthDocument>('/api/health', signal);
    if (terminal.json) writeJson(terminal, document);
    else terminal.stdout.write(`${describeHealth(document)}\n`);
    return document.status === 'down' ? EXIT.failed : EXIT.success;
  }, terminal);
}

/** The names of the servers whose check has another name. */
const SERVER_NAMES: Record<string, string> = { store: 'object store', postgis: 'PostGIS' };

export function describeHealth({ checks, gdal = {}, versions }: HealthDocument): string {
  const { postgis_servers: postgisServers = {}, ...servers } = checks;
  const named = Object.entries(postgisServers).map(([name, state]) => [`PostGIS server ${name}`, state]);
  return formatTable([
    ['PART', 'STATE', 'DETAILS'],
    ...[...Object.entries(servers), ...named].map(([name = '', state = '']) => [
      SERVER_NAMES[name] ?? name,
      ...(state === 'ok' ? ['ok', ''] : ['down', state]),
    ]),
    ...Object.entries(gdal).map(([name, each]) => [`GDAL of ${name}`, each.status, describeGdal(each)]),
    ['versions', versions?.error === undefined ? 'ok' : 'down', versions?.error ?? describeVersions(versions)],
  ]);
}

/** The version of the gateway, and the functions that have another one. */
function describeVersions(versions: VersionsDocument | undefined): string {
  if (versions === undefined) return 'unknown';
  const { gateway, functions } = versions;
  const others = Object.entries(functions).filter(([, version]) => version !== gateway);
  return [gateway, ...others.map(([name, version]) => `${name} ${version ?? 'unknown'}`)].join(', ');
}

function describeGdal(health: GdalHealth): string {
  if (health.error !== undefined) return health.error;
  const missing = [...health.missing_programs, ...health.missing_drivers.map((driver) => `driver ${driver}`)];
  const limited = health.sandbox?.files === 'all' ? ['sandbox limited'] : [];
  return [
    `GDAL ${health.gdal_version ?? 'unknown'}`,
    `PROJ ${health.proj_version ?? 'unknown'}`,
    counted(health.vector_drivers.length, 'vector driver'),
    counted(health.raster_drivers.length, 'raster driver'),
    ...(missing.length > 0 ? [`missing: ${missing.join(', ')}`] : []),
    ...limited,
  ].join(', ');
}
