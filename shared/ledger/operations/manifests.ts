import type { EndStatus } from '#shared/contracts/statuses.ts';
import { type ErrorDocument, SluiceError } from '#shared/errors/sluice-error.ts';
import { storableText, storableValue } from '#shared/text/storable.ts';
import {
  type DatasetDocument,
  DatasetDocumentSchema,
  type ManifestDocument,
  ManifestDocumentSchema,
  type RunDocument,
  RunDocumentSchema,
} from '../documents.ts';
import { parseDocument } from '../collections.ts';
import type { Admission, Ledger } from '../ledger.ts';
import type { AnnounceRun, RunQueries } from './records.ts';

/** The documents that one admission writes. */
export interface AdmissionDocuments {
  manifest: ManifestDocument;
  run: RunDocument;
  dataset: DatasetDocument;
}

export interface ManifestQueries {
  /** Inserts manifest, run and dataset in one write. False, without a change, when the batch_id or `_id` is stored. */
  insertAdmission(documents: AdmissionDocuments): Promise<boolean>;
  /**
   * As insertAdmission, but replaces the stored manifest of the same `_id` that has no run. False, without a change,
   * when there is none, or when its run or batch_id was stored by another call.
   */
  replaceRecordedManifest(documents: AdmissionDocuments): Promise<boolean>;
  /** The manifest that has this batch_id. */
  getAdmittedManifest(batchId: string): Promise<ManifestDocument | undefined>;
  /** Inserts the manifest. Undefined if a document with its `_id` or batch_id exists. */
  insertManifest(manifest: ManifestDocument): Promise<ManifestDocument | undefined>;
  getManifest(manifestId: string): Promise<ManifestDocument | undefined>;
  findManifestsByKey(manifestKey: string): Promise<ManifestDocument[]>;
  findManifestByBatch(batchId: string): Promise<ManifestDocument | undefined>;
  /** Sets status and error if the status is one of statusesBefore(status). Returns whether it did. */
  endManifest(manifestId: string, status: EndStatus, error: ErrorDocument | null): Promise<boolean>;
  markManifestArchived(manifestId: string, archiveKey: string): Promise<void>;
}

type ManifestOperations = Pick<
  Ledger,
  | 'admitManifest'
  | 'recordManifest'
  | 'getManifest'
  | 'findManifestsByKey'
  | 'findManifestByBatch'
  | 'endManifest'
  | 'markManifestArchived'
>;

export function manifestOperations(
  queries: ManifestQueries & Pick<RunQueries, 'getRun'>,
  announceRun: AnnounceRun,
): ManifestOperations {
  return {
    async admitManifest(manifest, run, dataset) {
      const documents = parseAdmission({ manifest, run, dataset });
      if (await queries.insertAdmission(documents)) return admitted(documents);
      const batchId = manifest.batch_id ?? '';
      const stored = await queries.getAdmittedManifest(batchId);
      if (stored !== undefined && !isSameUpload(stored, manifest)) return { outcome: 'batch_taken', manifest: stored };
      // The manifest was rejected, or its lane disabled, when it was uploaded; both may have changed since.
      const isWithoutRun = stored === undefined || stored.run_id === null;
      if (isWithoutRun && (await queries.replaceRecordedManifest(documents))) return admitted(documents);
      return repeated(await queries.getAdmittedManifest(batchId), manifest.manifest_key);
    },
    async recordManifest(manifest) {
      const stored =
        (await queries.insertManifest(parseManifest(manifest))) ?? (await queries.getManifest(manifest._id));
      if (stored !== undefined) return stored;
      throw new SluiceError('BATCH_ID_TAKEN', `Another manifest has the batch_id ${manifest.batch_id}.`, {
        details: { batch_id: manifest.batch_id },
      });
    },
    getManifest: (manifestId) => queries.getManifest(manifestId),
    findManifestsByKey: (manifestKey) => queries.findManifestsByKey(manifestKey),
    findManifestByBatch: (batchId) => queries.findManifestByBatch(batchId),
    async endManifest(manifestId, status, error) {
      if (await queries.endManifest(manifestId, status, storableValue(error))) return;
      const stored = await queries.getManifest(manifestId);
      if (stored?.status === status) return;
      throw stored === undefined ? manifestNotFound(manifestId) : illegalTransition(stored, status);
    },
    markManifestArchived: (manifestId, archiveKey) => queries.markManifestArchived(manifestId, archiveKey),
  };

  function admitted({ manifest, run }: AdmissionDocuments): Admission {
    announceRun(run.run_id, run.status);
    return { outcome: 'admitted', manifest, run };
  }

  async function repeated(manifest: ManifestDocument | undefined, key: string): Promise<Admission> {
    const run = manifest?.run_id ? await queries.getRun(manifest.run_id) : undefined;
    if (manifest !== undefined && run !== undefined) return { outcome: 'repeat', manifest, run };
    throw new SluiceError('INTERNAL', `Another process changed manifest ${key} while Sluice admitted it.`);
  }
}

function parseAdmission({ manifest, run, dataset }: AdmissionDocuments): AdmissionDocuments {
  return {
    manifest: parseManifest(manifest),
    run: parseDocument(RunDocumentSchema, 'runs', run),
    dataset: parseDocument(DatasetDocumentSchema, 'datasets', dataset),
  };
}

/** The raw text and the error of a manifest quote an upload, so they may contain any text. */
function parseManifest(manifest: ManifestDocument): ManifestDocument {
  return parseDocument(ManifestDocumentSchema, 'manifests', {
    ...manifest,
    raw: manifest.raw === null ? null : storableText(manifest.raw),
    error: storableValue(manifest.error),
  });
}

function isSameUpload(stored: ManifestDocument, manifest: ManifestDocument): boolean {
  return stored.manifest_key === manifest.manifest_key && stored.sha256 === manifest.sha256;
}

function manifestNotFound(manifestId: string): SluiceError {
  return new SluiceError('REQUEST_INVALID', `Manifest ${manifestId} does not exist.`, {
    details: { manifest_id: manifestId },
  });
}

function illegalTransition({ _id, manifest_key, status }: ManifestDocument, to: EndStatus): SluiceError {
  return new SluiceError('TRANSITION_ILLEGAL', `Manifest ${manifest_key} is ${status} and cannot become ${to}.`, {
    details: { manifest_id: _id, from: status, to },
  });
}
