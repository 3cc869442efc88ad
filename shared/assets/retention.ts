import { activityOf } from '#shared/ledger/activity.ts';
import type { DatasetDocument, RunDocument } from '#shared/ledger/documents.ts';
import type { Context } from '#shared/runtime/context.ts';

type Parts = Pick<Context, 'ledger' | 'log'>;

/**
 * Sets the retention rule of a dataset in the name of an operator; null keeps all versions. Removes nothing by itself. A repeat, or a
 * decision that a later one overrules, changes nothing. Throws DATASET_NOT_FOUND, REQUEST_INVALID.
 */
export async function setRetention(
  datasetId: string,
  rule: {
    keep_versions: number | null;
    decided_at: string;
    operator: string;
    run?: Pick<RunDocument, 'run_id' | 'batch_id'>;
  },
  { ledger }: Parts,
): Promise<DatasetDocument> {
  const { keep_versions, decided_at, operator, run } = rule;
  const dataset = await ledger.setRetention(datasetId, { keep_versions, decided_at });
  const what =
    keep_versions === null
      ? 'all versions'
      : keep_versions === 1
        ? 'only the newest version'
        : `the ${keep_versions} newest versions`;
  await ledger.appendActivity(
    activityOf(
      {
        activity: 'retention_set',
        operator,
        run_id: run?.run_id ?? null,
        batch_id: run?.batch_id ?? null,
        message: `${operator} decided to keep ${what} of ${datasetId}.`,
        details: { dataset_id: datasetId, keep_versions },
      },
      datasetId,
      decided_at,
      String(keep_versions),
    ),
  );
  return dataset;
}

/** The rule that the manifest of a run asks for. It counts as decided when the manifest came, also in a rerun: what an operator decided since then stands. */
export async function setRetentionOfManifest(datasetId: string, run: RunDocument, parts: Parts): Promise<void> {
  const { keep_versions } = run.manifest.metadata;
  if (keep_versions === undefined) return;
  const manifest = await parts.ledger.getManifest(run.manifest_id);
  await setRetention(
    datasetId,
    { keep_versions, decided_at: manifest?.created_at ?? run.created_at, operator: run.manifest.uploader, run },
    parts,
  );
}
