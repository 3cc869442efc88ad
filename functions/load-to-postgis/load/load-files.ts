import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import format from 'pg-format';
import { checkRejected, rejectedNotes, type RejectedTotal, totalRejected } from '#shared/tables/limit-rejected.ts';
import type { EventData } from '#shared/events/event.ts';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { namingFile } from '#shared/gdal/gdal-error.ts';
import type { ManifestFile } from '#shared/manifest/manifest.ts';
import type { PostgisSession } from '#shared/postgis/postgis.ts';
import { RAW_TABLE } from '#shared/postgis/run-schema.ts';
import type { Context } from '#shared/runtime/context.ts';
import { openScratch } from '#shared/runtime/scratch.ts';
import type { Claim } from '#shared/runtime/with-claim.ts';
import { type FileAccess, type PointFile, stageFiles } from '../csv/read-points.ts';
import { fetchVector } from './fetch-vector.ts';
import type { VectorSource } from '../vector-source.ts';
import { appendFile } from './append-file.ts';
import { type LoadedFile, loadFile, loadPoints } from './load-file.ts';
import { stagingTable } from '../staging/staged-names.ts';

/**
 * Loads all files of the manifest into `raw_data` in the schema of the run and returns its description. The table
 * appears complete, by one rename, or not at all. After a crash, the next claim deletes the staging tables and files.
 */
export async function loadFiles(claim: Claim, context: Context): Promise<EventData<'sluice.table.loaded'>> {
  const { signal } = claim;
  const { files, metadata } = claim.run.manifest;
  const tabular = metadata.tabular ?? {};
  const [firstFile] = files;
  if (firstFile === undefined)
    throw new SluiceError('MANIFEST_INVALID', '`files` of the manifest is empty. List at least one file.', {
      details: { field: 'files' },
    });
  await using scratch = await openScratch(context.env, claim);
  const folderOf = (index: number) => join(scratch.folder, String(index));
  // Open the session during the download of the first file.
  const firstDownload = download(folderOf(0), firstFile, context, signal);
  const downloadEnded = firstDownload.then(
    () => undefined,
    () => undefined,
  );
  await using ending = new AsyncDisposableStack();
  ending.defer(() => downloadEnded); // The scratch folder is deleted after all writes to it have ended.
  const session = await context.postgis.openSession(claim, signal);
  const access: FileAccess = {
    download: (index) =>
      index === 0 ? firstDownload : download(folderOf(index), files[index] ?? firstFile, context, signal),
    contextOf: (index) => ({ ...context, session, folder: folderOf(index), tabular, signal }),
    folder: scratch.folder,
  };
  const load = async (index: number, staged: PointFile | undefined) => {
    const loaded = await loadOne(index, staged, stagingTable(claim.token, index), access);
    await rm(folderOf(index), { recursive: true }); // So that the disk holds one file at a time.
    return loaded;
  };
  try {
    await dropEarlierTables(session);
    const staged = await stageFiles(files, access);
    const first = await load(0, staged?.[0]);
    const others: LoadedFile[] = [];
    let rows = first.source.row_count;
    for (let index = 1; index < files.length; index++) {
      const next = await load(index, staged?.[index]);
      const notes = await appendFile(session, first, next, rows, context.env.GEOMETRY_COLUMN);
      others.push({ ...next, notes: [...next.notes, ...notes] });
      rows += next.source.row_count;
    }
    const rejected = rejectedOf([first, ...others]);
    const paths = files.map(({ path }) => path);
    checkRejected(rejected, rows, tabular.max_rejected_rows, paths);
    await session.query(format('alter table %I rename to %I', first.table, RAW_TABLE));
    return describeTable(claim.runId, [first, ...others], rejected);
  } finally {
    await session.close();
  }
}

async function loadOne(
  index: number,
  staged: PointFile | undefined,
  table: string,
  { download: fetch, contextOf }: FileAccess,
): Promise<LoadedFile> {
  const source = staged?.source ?? (await fetch(index));
  return namingFile(source.file, () =>
    staged === undefined
      ? loadFile(source, table, contextOf(index))
      : loadPoints(source, staged.points, table, contextOf(index)),
  );
}

async function download(
  folder: string,
  file: ManifestFile,
  { objects, env }: Context,
  signal: AbortSignal,
): Promise<VectorSource> {
  await mkdir(folder, { recursive: true });
  return fetchVector(file, { objects, env, folder, signal });
}

/** Drops the tables of an earlier attempt of this step. No later step has run, or this step would not run again. */
async function dropEarlierTables(session: PostgisSession): Promise<void> {
  const tables = await session.query<{ name: string }>(
    `select relname as name from pg_class
     where relnamespace = to_regnamespace($1) and relkind = 'r'
       and (relname = $2 or relname ~ '^load_[0-9]+_[0-9]+(_typed)?$')`,
    [session.schema, RAW_TABLE],
  );
  if (tables.length === 0) return;
  await session.query(tables.map(({ name }) => format('drop table %I cascade', name)).join(';\n'));
}

/** The rejected rows of all CSV files. */
function rejectedOf(files: readonly LoadedFile[]): RejectedTotal {
  return totalRejected(
    files.flatMap(({ source, rejected }) => (rejected === undefined ? [] : [{ file: source.path, rejected }])),
  );
}

/** The data of `sluice.table.loaded`. Columns and CRS are those of the first file. */
function describeTable(
  runId: string,
  files: readonly [LoadedFile, ...LoadedFile[]],
  rejected: RejectedTotal,
): EventData<'sluice.table.loaded'> {
  const [{ srid, columns }] = files;
  return {
    run_id: runId,
    files: files.map((file) => file.source),
    srid,
    row_count: files.reduce((sum, file) => sum + file.source.row_count, 0),
    columns,
    notes: [...files.flatMap((file) => file.notes), ...rejectedNotes(rejected)],
    ...(files.some((file) => file.rejected !== undefined) ? { rejected_rows: rejected } : {}),
  };
}
