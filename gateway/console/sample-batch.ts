import { readFile } from 'node:fs/promises';
import { manifestKeyOf } from '#shared/contracts/object-keys.ts';
import type { Manifest } from '#shared/manifest/manifest.ts';
import type { ObjectStore } from '#shared/storage/object-store.ts';

/** Its source and license are in gateway/console/sample/README.md. */
const FILE = new URL('./sample/countries.zip', import.meta.url);
export const SAMPLE_BATCH = 'sample-countries';
export const SAMPLE_TITLE = 'the countries of the world';
const FILE_KEY = `${SAMPLE_BATCH}/countries.zip`;
export const SAMPLE_MANIFEST_KEY = manifestKeyOf(SAMPLE_BATCH);

/** Uploads the sample to the landing zone as a user would: the file, then the manifest. */
export async function uploadSample(objects: ObjectStore, landingBucket: string): Promise<void> {
  await objects.put(landingBucket, FILE_KEY, await readFile(FILE), { contentType: 'application/zip' });
  await objects.put(landingBucket, SAMPLE_MANIFEST_KEY, JSON.stringify(sampleManifest(landingBucket), null, 2), {
    contentType: 'application/json',
  });
}

function sampleManifest(landingBucket: string): Manifest {
  return {
    batch_id: SAMPLE_BATCH,
    uploader: 'sluice',
    intent: 'ingest_vector',
    files: [{ path: `s3://${landingBucket}/${FILE_KEY}`, type: 'vector', format: 'ESRI Shapefile' }],
    metadata: {
      project: 'sample',
      description: 'Countries of the world, Natural Earth 1:110m.',
      tags: { dataset_id: 'countries' },
    },
  };
}
