import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import format from 'pg-format';
import type { EventData } from '#shared/events/types.ts';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import type { Context } from '#shared/runtime/context.ts';
import { openScratch } from '#shared/runtime/scratch.ts';
import type { Claim } from '#shared/runtime/with-claim.ts';
import type { PostgisSession } from '#shared/postgis/postgis.ts';
import { RAW_TABLE } from '#shared/postgis/run-schema.ts';
import { appendFile } from './append-file.ts';
import { fetchVector, type VectorSource } from '../fetch/fetch-vector.ts';
import { type LoadedFile, loadFile } from './load-file.ts';
import { stagingTable } from './plan-load.ts';

/**
 * Loads all files of the manifest into `raw_data` of the run's schema, and says what stands there. A crash on any line leaves staging tables
 * and files that the next claim throws away; `raw_data` appears whole, by one rename, or not at all.
 */
export async function loadFiles(claim: Claim, context: Context): Promise<EventData<'sluice.table.loaded'>> {
  const { signal } = claim;
  const [firstFile, ...others] = claim.run.manifest.files;
  if (firstFile === undefined)
    throw new SluiceError('MANIFEST_INVALID', 'The manifest names no file. Name at least one in `files`.', {
      details: { field: 'files' },
    });
  await using scratch = await openScratch(context.env, claim);
  // The connection opens while the first file comes in.
  const fetching = fetchInto(join(scratch.folder, '0'), firstFile, context, signal);
  fetching.catch(() => undefined); // Awaited below; the session may fail first.
  const session = await context.postgis.openSession(claim, signal);
  try {
    await dropTables(session);
    const load = async (source: VectorSource, index: number) => {
      const folder = join(scratch.folder, String(index));
      const loaded = await loadFile(source, stagingTable(claim.token, index), { ...context, session, folder, signal });
      await rm(folder, { recursive: true }); // Disk is needed for one file at a time.
      return loaded;
    };
    const first = await load(await fetching, 0);
    const rest: LoadedFile[] = [];
    let rows = first.source.row_count;
    for (const [index, file] of others.entries()) {
      const next = await load(
        await fetchInto(join(scratch.folder, String(index + 1)), file, context, signal),
        index + 1,
      );
      await appendFile(session, first, next, rows, context.env.GEOMETRY_COLUMN);
      rest.push(next);
      rows += next.source.row_count;
    }
    await session.query(format('alter table %I rename to %I', first.table, RAW_TABLE));
    const all = [first, ...rest];
    return {
      run_id: claim.runId,
      files: all.map((file) => file.source),
      srid: first.srid,
      row_count: rows,
      columns: first.columns,
      notes: all.flatMap((file) => file.notes),
    };
  } finally {
    await session.close();
    await fetching.catch(() => undefined); // Nothing may write into the folder while it is removed.
  }
}

async function fetchInto(
  folder: string,
  file: Parameters<typeof fetchVector>[0],
  { objects, env }: Context,
  signal: AbortSignal,
): Promise<VectorSource> {
  await mkdir(folder, { recursive: true });
  return fetchVector(file, { objects, env, folder, signal });
}

/** What an earlier try of this step left. Later steps have not run, or they would have found this one done. */
async function dropTables(session: PostgisSession): Promise<void> {
  const left = await session.query<{ name: string }>(
    `select relname as name from pg_class where relnamespace = to_regnamespace($1) and relkind = 'r' and (relname = $2 or relname ~ '^load_[0-9]+_[0-9]+(_typed)?$')`,
    [session.schema, RAW_TABLE],
  );
  if (left.length > 0) await session.query(left.map(({ name }) => format('drop table %I cascade', name)).join(';\n'));
}
