import type { FileGroup } from '../../../shared/api/views.ts';
import type { UploadState } from './upload-store.ts';

/** The fields of a manifest that the page sends to the gateway (shared/landing/draft-manifest.ts). */
export interface BatchDraft {
  dataset_id: string;
  uploader?: string;
  intent?: string;
  files: Record<string, string>[];
  metadata: Record<string, unknown>;
}

/** The kind of data of a batch: the type of its first file with a known format. */
export function typeOf(groups: readonly FileGroup[]): FileGroup['type'] {
  return groups.find(({ type }) => type !== null)?.type ?? null;
}

/** The draft of what the page shows. Fields that the type of the files has no use for are left out. */
export function draftOf(groups: readonly FileGroup[], state: UploadState, proposedId: string | null): BatchDraft {
  const { form, options, transfers } = state;
  const type = typeOf(groups);
  const metadata = {
    project: form.project,
    description: form.description,
    force: form.force,
    recipe: type === 'vector' ? form.recipe : undefined,
    raster: type === 'raster' ? form.raster : undefined,
    tabular: readsTables(groups) ? form.tabular : undefined,
  };
  return {
    dataset_id: form.dataset_id ?? proposedId ?? '',
    ...defined({ uploader: form.uploader, intent: type === 'vector' ? form.intent : undefined }),
    files: groups.map((group) =>
      defined({
        ...options[group.path],
        path: transfers[group.path]?.storedAt ?? group.path,
        type: group.type ?? undefined,
        format: group.format ?? undefined,
      }),
    ),
    metadata: defined(metadata),
  };
}

/** Whether all parts of a file are in the landing zone. */
export function isStored({ parts }: FileGroup, { transfers }: UploadState): boolean {
  return parts.every((path) => transfers[path]?.state === 'stored');
}

/** Whether the parameters of tables have an effect: on tables, and on CSV files of features. */
export function readsTables(groups: readonly FileGroup[]): boolean {
  return groups.some(({ type, format }) => type === 'tabular' || (type === 'vector' && format === 'CSV'));
}

/** Without undefined values, empty texts and empty objects. */
function defined<T>(fields: Record<string, T | undefined>): Record<string, T> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => !isEmpty(value))) as Record<string, T>;
}

function isEmpty(value: unknown): boolean {
  if (value === undefined || value === false || value === '') return true;
  return typeof value === 'object' && value !== null && !Array.isArray(value) && Object.keys(value).length === 0;
}
