import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { readColumns } from '#shared/postgis/table-columns.ts';
import type { Column, Note } from '#shared/contracts/facts.ts';
import type { PostgisSession } from '#shared/postgis/postgis.ts';
import { KEY_COLUMN } from '#shared/postgis/run-schema.ts';
import { checkGeometryContract } from '#shared/postgis/table-checks.ts';
import { readColumnFacts } from './column-facts.ts';
import { copyToParquet } from './copy-to-parquet.ts';
import { planExport } from './export-table.ts';
import { type GeometryProfile, readGeometryProfile } from './geometry-profile.ts';

/** A finished file, checked against the table. */
export interface GeoParquetFile {
  path: string;
  sha256: string;
  size_bytes: number;
  profile: GeometryProfile;
  columns: Column[];
  /** Columns that had to be renamed, values that Parquet cannot hold. */
  notes: Note[];
  /** Version of DuckDB, which wrote it. */
  duckdb: string;
}

/**
 * Writes a table of the session's schema to `FOLDER/NAME` as GeoParquet 1.1.0. `crs` is PROJJSON. The table needs the key column and one
 * geometry column. Memory does not grow with the rows. Throws GEOMETRY_CONTRACT, EXPORT_MISMATCH, DISK_FULL.
 */
export async function writeGeoParquet(
  session: PostgisSession,
  source: { table: string; geometryColumn: string; crs: unknown },
  target: { folder: string; name: string },
  signal: AbortSignal,
): Promise<GeoParquetFile> {
  const columns = await readColumns(session, source.table);
  checkGeometryContract(source.table, columns, source.geometryColumn);
  const profile = await readGeometryProfile(session, source.table, source.geometryColumn);
  const facts = await readColumnFacts(session, source.table, columns);
  const plan = planExport({ ...source, columns, keyColumn: KEY_COLUMN, facts: facts.byColumn, profile });
  const path = join(target.folder, target.name);
  signal.throwIfAborted();
  const written = await copyToParquet(
    session.client,
    plan.copy,
    { folder: target.folder, path, columns: plan.columns, select: plan.select, metadata: plan.metadata },
    signal,
  );
  if (written.row_count !== profile.row_count) {
    throw new SluiceError(
      'EXPORT_MISMATCH',
      `The file has ${written.row_count} rows and table ${source.table} has ${profile.row_count}.`,
      { details: { file: written.row_count, table: profile.row_count } },
    );
  }
  return {
    path,
    sha256: await sha256Of(path, signal),
    size_bytes: (await stat(path)).size,
    profile,
    columns: plan.ledgerColumns,
    notes: [...plan.notes, ...facts.notes],
    duckdb: written.duckdb,
  };
}

async function sha256Of(path: string, signal: AbortSignal): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path, { highWaterMark: READ_BYTES }), hash, { signal });
  return hash.digest('hex');
}

/** Few calls for a large file, and little memory. */
const READ_BYTES = 2 ** 20;
