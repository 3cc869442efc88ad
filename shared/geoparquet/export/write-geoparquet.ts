import { createHash } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type pg from 'pg';
import { to as copyTo } from 'pg-copy-streams';
import type { Column, Note } from '#shared/contracts/shared-schemas.ts';
import { statementFailure } from '#shared/errors/database-failure.ts';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import type { PostgisSession } from '#shared/postgis/postgis.ts';
import { KEY_COLUMN } from '#shared/postgis/run-schema.ts';
import { checkGeometryContract, readColumns } from '#shared/postgis/table-checks.ts';
import { JoinedSignal } from '#shared/signals/joined-signal.ts';
import { ignoreError, readFileStream } from '#shared/streams/file-streams.ts';
import { RingWriter } from '../worker/byte-ring.ts';
import { type ParquetJob, type ParquetResult, startJob } from '../worker/worker-pool.ts';
import { readColumnFacts } from './column-facts.ts';
import { type GeometryProfile, readGeometryProfile } from './geometry-profile.ts';
import { planExport } from './plan-export.ts';

/** Chunk size for the hash: few calls for a large file, and little memory. */
const HASH_CHUNK_BYTES = 2 ** 20;

/** Types of PROJJSON whose coordinates are longitudes and latitudes. */
const GEOGRAPHIC = /^(Geographic|Geodetic)CRS$/;

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
  const isGeographic = GEOGRAPHIC.test((source.crs as { type?: string } | null)?.type ?? '');
  const profile = await readGeometryProfile(session, source.table, source.geometryColumn, isGeographic);
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
    notes: [...plan.notes, ...facts.notes],
    duckdb: written.duckdb,
  };
}

async function hashFile(path: string, signal: AbortSignal): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(readFileStream(path, { highWaterMark: HASH_CHUNK_BYTES }), hash, { signal });
  return hash.digest('hex');
}

/** Buffer of the COPY stream. More rows are buffered in the ring. */
const STREAM_BYTES = 2 ** 18;

/**
 * Streams the result of `copyOut` (`copy (…) to stdout (format binary)`) into a Parquet file. Resolves with the
 * properties of the complete file. Memory does not grow with the rows. After an abort or a failure of the worker the
 * client must be closed. Throws the signal's reason, EXPORT_MISMATCH when a row was lost, DISK_FULL,
 * DATABASE_UNAVAILABLE and errors of PostgreSQL.
 */
export async function copyToParquet(
  client: pg.Client,
  copyOut: string,
  job: Omit<ParquetJob, 'ring'>,
  signal: AbortSignal,
): Promise<ParquetResult> {
  const { ring: buffer, result: written } = startJob(job);
  const workerFailure = new AbortController();
  written.catch((reason: unknown) => workerFailure.abort(reason));
  using stop = new JoinedSignal([signal, workerFailure.signal]);
  const ring = new RingWriter(buffer);
  const rowCount = await copyRows(client, copyOut, ring, stop.signal).catch(async (thrown: unknown) => {
    ring.break();
    await written.catch(() => undefined); // The worker does not use the file after this.
    throw thrown;
  });
  const result = await written;
  if (result.row_count !== rowCount) {
    throw new SluiceError(
      'EXPORT_MISMATCH',
      `The Parquet file has ${result.row_count} rows, but PostgreSQL sent ${rowCount}.`,
      { details: { file: result.row_count, table: rowCount } },
    );
  }
  return result;
}

/** Copies the rows into the ring and ends its stream. Resolves with PostgreSQL's row count. */
async function copyRows(client: pg.Client, copyOut: string, ring: RingWriter, stop: AbortSignal): Promise<number> {
  const rows = client.query(copyTo(copyOut, { highWaterMark: STREAM_BYTES })).on('error', ignoreError);
  // Ends the loop below even while PostgreSQL sends no rows.
  const destroy = () => rows.destroy(stop.reason as Error);
  stop.addEventListener('abort', destroy, { once: true });
  try {
    for await (const chunk of rows) await ring.write(chunk as Buffer, stop);
    ring.end();
    return rows.rowCount;
  } catch (thrown) {
    stop.throwIfAborted();
    throw statementFailure(thrown) ?? thrown;
  } finally {
    stop.removeEventListener('abort', destroy);
  }
}
