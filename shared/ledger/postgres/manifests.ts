import { SluiceError } from '#shared/errors/sluice-error.ts';
import { isAllowed } from '#shared/contracts/statuses.ts';
import {
  DatasetDocumentSchema,
  type ManifestDocument,
  ManifestDocumentSchema,
  type RunDocument,
  RunDocumentSchema,
} from '../documents.ts';
import type { Admission, Ledger } from '../ledger.ts';
import { parseDocument } from '../parse-document.ts';
import { storableJson, storableText, storableValue } from '#shared/text/storable.ts';
import { iso } from './claims.ts';
import { type Database, isUniqueViolation, type Statement } from './database.ts';
import type { RunAnnouncer } from './run-announcer.ts';
import { GET_RUN } from './runs.ts';

const NOW = iso('clock_timestamp()');

/** Run and dataset are inserted in the statement that wrote the manifest, or not at all. */
const admission = (name: string, writeManifest: string): Statement => ({
  name,
  text: `
    with manifest as (
      ${writeManifest}
    ), run as (
      insert into ledger.runs (doc) select $2::jsonb from manifest
    ), dataset as (
      insert into ledger.datasets (doc) select $3::jsonb from manifest on conflict do nothing
    )
    select from manifest`,
});
const ADMIT = admission(
  'ledger.admit',
  'insert into ledger.manifests (doc) values ($1::jsonb) on conflict do nothing returning 1',
);
const ADMIT_RECORDED = admission(
  'ledger.admit-recorded',
  `update ledger.manifests set doc = $1::jsonb where _id = $1::jsonb ->> '_id' and run_id is null returning 1`,
);

const RECORD: Statement = {
  name: 'ledger.record-manifest',
  text: 'insert into ledger.manifests (doc) values ($1::jsonb) on conflict do nothing returning doc',
};
const GET: Statement = { name: 'ledger.get-manifest', text: 'select doc from ledger.manifests where _id = $1' };
const BY_KEY: Statement = {
  name: 'ledger.manifests-by-key',
  text: 'select doc from ledger.manifests where manifest_key = $1 order by created_at desc, _id',
};
const BY_BATCH: Statement = {
  name: 'ledger.manifest-by-batch',
  text: `
    select doc from ledger.manifests where batch_id = $1 or claimed_batch_id = $1
    order by batch_id = $1 desc nulls last, created_at desc, _id limit 1`,
};
const ADMITTED_BY_BATCH: Statement = {
  name: 'ledger.admitted-by-batch',
  text: 'select doc from ledger.manifests where batch_id = $1',
};
const SETTLE: Statement = {
  name: 'ledger.settle-manifest',
  text: `
    update ledger.manifests set doc = doc || jsonb_build_object('status', $2::text, 'error', $3::jsonb, 'updated_at', ${NOW})
    where _id = $1 and status = any ($4::text[]) returning 1`,
};
const MARK_ARCHIVED: Statement = {
  name: 'ledger.mark-archived',
  text: `
    update ledger.manifests set doc = doc || jsonb_build_object('archive_key', $2::text, 'updated_at', ${NOW})
    where _id = $1 and doc ->> 'archive_key' is distinct from $2`,
};

type ManifestOperations = Pick<
  Ledger,
  | 'admitManifest'
  | 'recordManifest'
  | 'getManifest'
  | 'findManifestsByKey'
  | 'findManifestByBatch'
  | 'settleManifest'
  | 'markManifestArchived'
>;

export function manifestOperations(database: Database, runs: RunAnnouncer): ManifestOperations {
  const first = async (statement: Statement, value: string) =>
    (await database.documents<ManifestDocument>(statement, [value]))[0];
  return {
    async admitManifest(manifest, run, dataset): Promise<Admission> {
      const parsed = { manifest: parseManifest(manifest), run: parseDocument(RunDocumentSchema, 'runs', run) };
      const values = [
        storableJson(parsed.manifest),
        storableJson(parsed.run),
        storableJson(parseDocument(DatasetDocumentSchema, 'datasets', dataset)),
      ];
      if ((await database.query(ADMIT, values)).length > 0) return admitted(parsed);
      const stored = await first(ADMITTED_BY_BATCH, manifest.batch_id ?? '');
      if (stored !== undefined && !isSame(stored, manifest)) return { outcome: 'batch_taken', manifest: stored };
      if (stored === undefined || stored.run_id === null) {
        // It was recorded before without a run; what stood in its way has been mended since.
        if (await succeeds(database.query(ADMIT_RECORDED, values))) return admitted(parsed);
      }
      return repeated(await first(ADMITTED_BY_BATCH, manifest.batch_id ?? ''));
    },
    async recordManifest(manifest) {
      const json = storableJson(parseManifest(manifest));
      const [inserted] = await database.documents<ManifestDocument>(RECORD, [json]);
      const stored = inserted ?? (await first(GET, manifest._id));
      if (stored !== undefined) return stored;
      throw new SluiceError('BATCH_ID_TAKEN', `Another manifest has used batch_id ${manifest.batch_id}.`, {
        details: { batch_id: manifest.batch_id },
      });
    },
    getManifest: (manifestId) => first(GET, manifestId),
    findManifestsByKey: (manifestKey) => database.documents<ManifestDocument>(BY_KEY, [manifestKey]),
    findManifestByBatch: (batchId) => first(BY_BATCH, batchId),
    async settleManifest(manifestId, status, error) {
      const from = (['running', 'success', 'failure', 'canceled'] as const).filter((before) =>
        isAllowed(before, status),
      );
      if ((await database.query(SETTLE, [manifestId, status, JSON.stringify(storableValue(error)), from])).length > 0)
        return;
      const stored = await first(GET, manifestId);
      if (stored === undefined)
        throw new SluiceError('REQUEST_INVALID', `The ledger holds no manifest ${manifestId}.`, {
          details: { manifest_id: manifestId },
        });
      if (stored.status === status) return;
      throw new SluiceError(
        'TRANSITION_ILLEGAL',
        `Manifest ${stored.manifest_key} is ${stored.status} and cannot become ${status}.`,
        {
          details: { manifest_id: manifestId, from: stored.status, to: status },
        },
      );
    },
    async markManifestArchived(manifestId, archiveKey) {
      await database.query(MARK_ARCHIVED, [manifestId, archiveKey]);
    },
  };

  function admitted(documents: { manifest: ManifestDocument; run: RunDocument }): Admission {
    runs.announce(documents.run.run_id, documents.run.status);
    return { outcome: 'admitted', ...documents };
  }

  async function repeated(stored: ManifestDocument | undefined): Promise<Admission> {
    const [run] = stored?.run_id ? await database.documents<RunDocument>(GET_RUN, [stored.run_id]) : [];
    if (stored !== undefined && run !== undefined) return { outcome: 'repeat', manifest: stored, run };
    throw new SluiceError('INTERNAL', 'The manifest changed while it was admitted.');
  }
}

/** A manifest as stored: its raw text and error quote what a user uploaded, so they may hold anything. */
function parseManifest(manifest: ManifestDocument): ManifestDocument {
  const quoted = {
    raw: manifest.raw === null ? null : storableText(manifest.raw),
    error: storableValue(manifest.error),
  };
  return parseDocument(ManifestDocumentSchema, 'manifests', { ...manifest, ...quoted });
}

function isSame(stored: ManifestDocument, manifest: ManifestDocument): boolean {
  return stored.manifest_key === manifest.manifest_key && stored.sha256 === manifest.sha256;
}

async function succeeds(write: Promise<unknown[]>): Promise<boolean> {
  try {
    return (await write).length > 0;
  } catch (thrown) {
    if (isUniqueViolation(thrown)) return false;
    throw thrown;
  }
}
