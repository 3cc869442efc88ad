import { createHash } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { Column, Note } from '#shared/contracts/facts.ts';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import type { PostgisSession } from '#shared/postgis/postgis.ts';
import { KEY_COLUMN } from '#shared/postgis/run-schema.ts';
import { checkGeometryContract, readColumns } from '#shared/postgis/table-checks.ts';
import { readFileStream } from '#shared/text/file-streams.ts';
import { copyToParquet } from '../worker/copy-to-parquet.ts';
import { readColumnStatistics } from './column-statistics.ts';
import { type GeometryProfile, readGeometryProfile } from './geometry-profile.ts';
import { planExport } from './plan-export.ts';

/** Chunk size for the hash: few calls for a large file, and little memory. */
const HASH_CHUNK_BYTES = 2 ** 20;

/** A complete file whose row count was compared with the table. */
export interface GeoParquetFile {
  path: string;
  sha256: string;
  size_bytes: number;
  profile: GeometryProfile;
  columns: Column[];
  /** Notes about renamed columns, and about values that Parquet cannot represent. */
  notes: Note[];
  /** Version of DuckDB, which wrote the file. */
  duckdb: string;
}

/**
 * Writes a table of the session's schema to `FOLDER/NAME` as GeoParquet 1.1.0. `crs` is PROJJSON. The table needs the
 * key column and one geometry column. Memory does not grow with the rows. Throws GEOMETRY_CONTRACT, EXPORT_MISMATCH,
 * DISK_FULL.
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
  const statistics = await readColumnStatistics(session, source.table, columns);
  const plan = planExport({ ...source, columns, keyColumn: KEY_COLUMN, statistics: statistics.byColumn, profile });
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
      `The Parquet file has ${written.row_count} rows, but table ${source.table} has ${profile.row_count}.`,
      { details: { file: written.row_count, table: profile.row_count } },
    );
  }
  return {
    path,
    sha256: await hashFile(path, signal),
    size_bytes: (await stat(path)).size,
    profile,
    columns: plan.ledgerColumns,
    notes: [...plan.notes, ...statistics.notes],
    duckdb: written.duckdb,
  };
}

async function hashFile(path: string, signal: AbortSignal): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(readFileStream(path, { highWaterMark: HASH_CHUNK_BYTES }), hash, { signal });
  return hash.digest('hex');
}
