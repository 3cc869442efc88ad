import { z } from 'zod';
import { FILE_TYPES, INTENT_OF_LANE } from '#shared/contracts/lanes.ts';
import { asSluiceError } from '#shared/errors/sluice-error.ts';
import { laneOf } from '#shared/manifest/choose-lane.ts';
import { fieldsWithoutEffect } from '#shared/manifest/field-effects.ts';
import { type Manifest, ManifestSchema } from '#shared/manifest/manifest.ts';
import { DESCRIBED, type FieldIssue, firstFieldIssues } from '#shared/text/describe-issue.ts';

/** The fields that a user of the upload page sets. They are checked as fields of the manifest. */
export const DraftSchema = z.strictObject({
  dataset_id: z.string(),
  /** Without a login, the client names the uploader. */
  uploader: z.string().optional(),
  intent: z.string().optional(),
  files: z.array(z.record(z.string(), z.unknown())),
  metadata: z.record(z.string(), z.unknown()).default({}),
});
export type Draft = z.infer<typeof DraftSchema>;

/**
 * The manifest of a draft, or the first issues that validate-manifest would find without the files. `count` is the
 * number of all issues.
 */
export function manifestOfDraft(
  draft: Draft,
  { batchId, uploader }: { batchId: string; uploader: string },
): { manifest: Manifest; issues: []; count: 0 } | { manifest?: undefined; issues: FieldIssue[]; count: number } {
  const { dataset_id, files, intent = intentOfType(files[0]?.type), metadata } = draft;
  const tags = withDataset(metadata.tags, dataset_id);
  const given = { batch_id: batchId, uploader, intent, files, metadata: { ...metadata, tags } };
  const parsed = ManifestSchema.safeParse(given, DESCRIBED);
  if (!parsed.success) return firstFieldIssues(parsed.error.issues, 'manifest');
  try {
    const issues = fieldsWithoutEffect(parsed.data, laneOf(parsed.data));
    return issues.length === 0 ? { manifest: parsed.data, issues: [], count: 0 } : { issues, count: issues.length };
  } catch (thrown) {
    const { details, message } = asSluiceError(thrown);
    const [issue] = (details.issues ?? []) as FieldIssue[];
    return { issues: [{ field: issue?.field ?? 'manifest', message }], count: 1 };
  }
}

/** Undefined for a type that is an issue of the manifest. */
function intentOfType(type: unknown): string | undefined {
  const known = FILE_TYPES.find((each) => each === type);
  return known && INTENT_OF_LANE[known];
}

/** The tags of a draft with its dataset. Tags that are no object are an issue of the manifest. */
function withDataset(tags: unknown = {}, dataset_id: string): unknown {
  return typeof tags === 'object' && tags !== null && !Array.isArray(tags) ? { ...tags, dataset_id } : tags;
}
