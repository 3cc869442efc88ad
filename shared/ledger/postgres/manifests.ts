import { statusesBefore } from '#shared/contracts/statuses.ts';
import { storableJson } from '#shared/text/storable.ts';
import type { ManifestDocument } from '../documents.ts';
import type { AdmissionDocuments, ManifestQueries } from '../operations/manifests.ts';
import { type Database, isUniqueViolation, type Statement } from './database.ts';
import { NOW } from './sql.ts';

/** Inserts run $2 and dataset $3 in the statement that writes manifest $1, or nothing. */
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
const INSERT_ADMISSION = admission(
  'ledger.admit',
  'insert into ledger.manifests (doc) values ($1::jsonb) on conflict do nothing returning 1',
);
const REPLACE_RECORDED = admission(
  'ledger.admit-recorded',
  `update ledger.manifests set doc = $1::jsonb where _id = $1::jsonb ->> '_id' and run_id is null returning 1`,
);

const INSERT: Statement = {
  name: 'ledger.record-manifest',
  text: 'insert into ledger.manifests (doc) values ($1::jsonb) on conflict do nothing returning doc',
};
const GET: Statement = { name: 'ledger.get-manifest', text: 'select doc from ledger.manifests where _id = $1' };
const GET_ADMITTED: Statement = {
  name: 'ledger.admitted-by-batch',
  text: 'select doc from ledger.manifests where batch_id = $1',
};
const FIND_BY_KEY: Statement = {
  name: 'ledger.manifests-by-key',
  text: 'select doc from ledger.manifests where manifest_key = $1 order by created_at desc, _id',
};
const FIND_BY_BATCH: Statement = {
  name: 'ledger.manifest-by-batch',
  text: `
    select doc from ledger.manifests where batch_id = $1 or claimed_batch_id = $1
    order by batch_id = $1 desc nulls last, created_at desc, _id limit 1`,
};
const END: Statement = {
  name: 'ledger.end-manifest',
  text: `
    update ledger.manifests
    set doc = doc || jsonb_build_object('status', $2::text, 'error', $3::jsonb, 'updated_at', ${NOW})
    where _id = $1 and status = any ($4::text[]) returning 1`,
};
const MARK_ARCHIVED: Statement = {
  name: 'ledger.mark-archived',
  text: `
    update ledger.manifests set doc = doc || jsonb_build_object('archive_key', $2::text, 'updated_at', ${NOW})
    where _id = $1 and doc ->> 'archive_key' is distinct from $2`,
};

export function manifestQueries(database: Database): ManifestQueries {
  const first = async (statement: Statement, value: string) =>
    (await database.documents<ManifestDocument>(statement, [value]))[0];
  const succeeds = async (statement: Statement, values: unknown[]) =>
    (await database.query(statement, values)).length > 0;
  return {
    insertAdmission: (documents) => succeeds(INSERT_ADMISSION, admissionValues(documents)),
    async replaceRecordedManifest(documents) {
      try {
        return await succeeds(REPLACE_RECORDED, admissionValues(documents));
      } catch (thrown) {
        if (isUniqueViolation(thrown)) return false;
        throw thrown;
      }
    },
    getAdmittedManifest: (batchId) => first(GET_ADMITTED, batchId),
    insertManifest: (manifest) => first(INSERT, storableJson(manifest)),
    getManifest: (manifestId) => first(GET, manifestId),
    findManifestsByKey: (manifestKey) => database.documents<ManifestDocument>(FIND_BY_KEY, [manifestKey]),
    findManifestByBatch: (batchId) => first(FIND_BY_BATCH, batchId),
    endManifest: (manifestId, status, error) =>
      succeeds(END, [manifestId, status, JSON.stringify(error), statusesBefore(status)]),
    async markManifestArchived(manifestId, archiveKey) {
      await database.query(MARK_ARCHIVED, [manifestId, archiveKey]);
    },
  };
}

function admissionValues({ manifest, run, dataset }: AdmissionDocuments): string[] {
  return [storableJson(manifest), storableJson(run), storableJson(dataset)];
}
