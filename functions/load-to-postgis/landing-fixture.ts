import { randomUUID } from 'node:crypto';
import { mkdtempSync, readdirSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { createDatabase, startObjectStore, testEnv } from '../../tests/servers.ts';
import type { EventData } from '#shared/events/types.ts';
import { createGdal } from '#shared/gdal/runner.ts';
import { deterministicObjectId } from '#shared/events/event.ts';
import { newRun } from '#shared/ledger/new-run.ts';
import { log } from '#shared/log/log.ts';
import type { ManifestFile } from '#shared/manifest/manifest.ts';
import { PgPostgis } from '#shared/postgis/postgis.ts';
import type { Context } from '#shared/runtime/context.ts';
import type { Claim } from '#shared/runtime/with-claim.ts';
import { openObjectStore } from '#shared/storage/s3.ts';
import { loadFiles } from './load-files.ts';

/** For tests: a landing zone, PostGIS and GDAL, all real, and a claim as withClaim would give it. */

/** Real data of tests/data/vector. */
export function dataFile(name: string): string {
  return fileURLToPath(new URL(`../../tests/data/vector/${name}`, import.meta.url));
}

type File = Partial<ManifestFile> & Pick<ManifestFile, 'path' | 'format'>;
export type Row = Record<string, unknown>;

export interface Loaded extends EventData<'sluice.table.loaded'> {
  /** Runs SQL in the run's schema. */
  query(sql: string): Promise<Row[]>;
}

export type LandingFixture = Awaited<ReturnType<typeof openLandingFixture>>;

/** Opens it. `variables` are added to the environment; `gdal` replaces the runner. */
export async function openLandingFixture(options: { variables?: Record<string, string>; gdal?: Context['gdal'] } = {}) {
  const database = await createDatabase({ postgis: true });
  const store = await startObjectStore();
  const env = testEnv({ S3_ENDPOINT: store.endpoint, ...options.variables });
  const objects = openObjectStore(env);
  const postgis = new PgPostgis(database.url);
  const gdal = options.gdal ?? createGdal(env);
  const folder = mkdtempSync(join(tmpdir(), 'sluice-landing-'));
  const signal = new AbortController().signal;
  const context = { env, log, objects, postgis, gdal, publish: () => Promise.resolve(), signal } as Omit<
    Context,
    'ledger'
  > as Context;

  const claimOf = (files: File[], token = 1): Claim => {
    const manifest = {
      batch_id: randomUUID(),
      uploader: 'ana',
      intent: 'ingest_vector',
      files: files.map((file) => ({ type: 'vector' as const, ...file })),
      metadata: {},
    };
    const run = newRun({
      manifest,
      manifestId: deterministicObjectId('manifest', manifest.batch_id),
      manifestKey: 'manifests/b.json',
      lane: 'vector',
      datasetId: 'd',
      operator: 'ana',
    });
    return { runId: run.run_id, step: 'load-to-postgis', token, run, attempt: 1, signal };
  };

  return {
    env,
    context,
    folder,
    database,
    objects,
    claimOf,
    /** Uploads bytes or a text under a key of the landing zone, and returns its path. */
    put: async (key: string, body: Buffer | string) => {
      await objects.put(env.LANDING_BUCKET, key, body);
      return `s3://${env.LANDING_BUCKET}/${key}`;
    },
    /** Uploads a local file and the files of the same name beside it; `key` replaces its name. Returns the path of the file itself. */
    upload: async (path: string, key = basename(path)) => {
      const stem = path.replace(/\.[^.]+$/, '');
      const keyStem = key.replace(/\.[^.]+$/, '');
      for (const name of readdirSync(join(path, '..'))) {
        const other = join(path, '..', name);
        if (other === path || other.startsWith(`${stem}.`))
          await objects.put(
            env.LANDING_BUCKET,
            other === path ? key : keyStem + other.slice(stem.length),
            await readFile(other),
          );
      }
      return `s3://${env.LANDING_BUCKET}/${key}`;
    },
    /** Makes a file with ogr2ogr, as another program would. Returns its local path. */
    make: async (name: string, ...args: string[]) => {
      const path = join(folder, name);
      await execa('ogr2ogr', [path, ...args], { env: { OGR_GEOJSON_ARRAY_AS_STRING: 'NO' } });
      return path;
    },
    zip: async (name: string, ...paths: string[]) => {
      const path = join(folder, name);
      await execa('python3', [
        '-c',
        'import sys,zipfile,os\nwith zipfile.ZipFile(sys.argv[1],"w",zipfile.ZIP_DEFLATED) as z:\n  [z.write(p, os.path.basename(p)) for p in sys.argv[2:]]',
        path,
        ...paths,
      ]);
      return path;
    },
    load: async (files: File | File[]): Promise<Loaded> => {
      const claim = claimOf(Array.isArray(files) ? files : [files]);
      const loaded = await loadFiles(claim, context);
      const query = async (sql: string) => {
        const session = await postgis.openSession({ ...claim, step: 'transform-recipe' }, signal);
        try {
          return await session.query(sql);
        } finally {
          await session.close();
        }
      };
      return { ...loaded, query };
    },
    [Symbol.asyncDispose]: async () => {
      objects.close();
      await postgis.close();
      await database.drop();
      await store.stop();
      await Promise.all([folder, env.SCRATCH_DIR ?? folder].map((path) => rm(path, { recursive: true, force: true })));
    },
  };
}
