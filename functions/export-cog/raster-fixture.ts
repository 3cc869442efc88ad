import { randomUUID } from 'node:crypto';
import { mkdtempSync, readdirSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { fromFile, type GeoTIFF } from 'geotiff';
import { deterministicObjectId } from '#shared/events/event.ts';
import { runRequested } from '#shared/events/run-events.ts';
import type { EventData } from '#shared/events/types.ts';
import type { AssetDocument, RunDocument } from '#shared/ledger/documents.ts';
import { newDataset, newRun } from '#shared/ledger/new-run.ts';
import { type ManifestFile, ManifestSchema } from '#shared/manifest/manifest.ts';
import type { Context } from '#shared/runtime/context.ts';
import { stemOf } from '#shared/sources/source-parts.ts';
import { openFunctionContext } from '../../tests/function-context.ts';
import { handler } from './handler.ts';

/** For tests: a landing zone, ledger, lake and GDAL, all real, and runs of the raster lane. */

/** Real data of tests/data/raster. */
export function rasterFile(name: string): string {
  return fileURLToPath(new URL(`../../tests/data/raster/${name}`, import.meta.url));
}

type File = Partial<ManifestFile> & Pick<ManifestFile, 'path' | 'format'>;

export interface Exported {
  run: RunDocument;
  event: EventData<'sluice.asset.exported'>;
  assets: AssetDocument[];
  /** The first asset, and its object as an independent reader opens it. */
  asset: AssetDocument;
  path: string;
  cog: GeoTIFF;
}

export type RasterFixture = Awaited<ReturnType<typeof openRasterFixture>>;

/** Opens it. `variables` are added to the environment; `gdal` replaces the runner. */
export async function openRasterFixture(options: { variables?: Record<string, string>; gdal?: Context['gdal'] } = {}) {
  const opened = await openFunctionContext(options.variables ?? {});
  const context: Context = options.gdal === undefined ? opened : { ...opened, gdal: options.gdal };
  const { env, objects, ledger, signal } = context;
  const folder = mkdtempSync(join(tmpdir(), 'sluice-raster-'));
  const put = async (key: string, body: Buffer | string) => {
    await objects.put(env.LANDING_BUCKET, key, body);
    return `s3://${env.LANDING_BUCKET}/${key}`;
  };

  /** Admits a run of the raster lane. */
  const admit = async (
    files: File | File[],
    metadata: Record<string, unknown> = {},
    datasetId = 'elev',
  ): Promise<RunDocument> => {
    const manifest = ManifestSchema.parse({
      batch_id: randomUUID(),
      uploader: 'zoë',
      intent: 'ingest_raster',
      files: [files].flat().map((file) => ({ type: 'raster', ...file })),
      metadata,
    });
    const manifestKey = `manifests/${manifest.batch_id}.json`;
    const manifestId = deterministicObjectId('manifest', manifestKey);
    const run = newRun({ manifest, manifestId, manifestKey, lane: 'raster', datasetId, operator: 'zoë' });
    await ledger.admitManifest(
      {
        _id: manifestId,
        batch_id: manifest.batch_id,
        claimed_batch_id: null,
        manifest_key: manifestKey,
        sha256: 'a'.repeat(64),
        status: 'running',
        run_id: run.run_id,
        lane: 'raster',
        body: manifest,
        raw: null,
        error: null,
        archive_key: null,
        created_at: run.created_at,
        updated_at: run.created_at,
      },
      run,
      newDataset(datasetId),
    );
    return run;
  };

  const exportRun = async (run: RunDocument): Promise<Exported> => {
    const reply = await handler(runRequested(run), context);
    const event = reply?.data as EventData<'sluice.asset.exported'>;
    const assets = await Promise.all(event.asset_ids.map(async (id) => (await ledger.getAsset(id)) as AssetDocument));
    const [asset] = assets;
    const path = join(folder, `${asset?._id}-${randomUUID()}.tif`);
    await objects.download(env.LAKE_BUCKET, asset?.s3_key ?? '', path, { maxBytes: 1e9, signal });
    return { run, event, assets, asset: asset as AssetDocument, path, cog: await fromFile(path) };
  };

  return {
    context,
    folder,
    put,
    admit,
    exportRun,
    /** Uploads a local file and the files of the same name beside it; `key` replaces its name. Returns the path of the file itself. */
    upload: async (path: string, key = basename(path)) => {
      const names = readdirSync(dirname(path)).filter(
        (name) => name !== basename(path) && stemOf(name) === stemOf(basename(path)) && !name.endsWith('.aux.xml'),
      );
      for (const name of names)
        await put(stemOf(key) + name.slice(stemOf(name).length), await readFile(join(dirname(path), name)));
      return put(key, await readFile(path));
    },
    /** Makes a raster as another program would. Returns its local path. */
    make: async (name: string, source: string, ...args: string[]) => {
      const path = join(folder, name);
      await execa('gdal_translate', ['-q', ...args, source, path]);
      return path;
    },
    zip: async (name: string, ...paths: string[]) => {
      const path = join(folder, name);
      await execa('python3', [
        '-c',
        'import sys,zipfile,os\nwith zipfile.ZipFile(sys.argv[1],"w",zipfile.ZIP_DEFLATED) as z:\n  [z.write(p, "unter ordner/" + os.path.basename(p)) for p in sys.argv[2:]]',
        path,
        ...paths,
      ]);
      return path;
    },
    ingest: async (files: File | File[], raster: Record<string, unknown> = {}, datasetId?: string): Promise<Exported> =>
      exportRun(await admit(files, { raster }, datasetId)),
    [Symbol.asyncDispose]: async () => {
      await opened[Symbol.asyncDispose]();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
