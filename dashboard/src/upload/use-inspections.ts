import { useQueries } from '@tanstack/react-query';
import type { FileGroup, InspectionView } from '../../../shared/api/views.ts';
import { ApiError, sendJson } from '../api/client.ts';
import { type BatchDraft, isStored, readsTables } from './draft.ts';
import type { UploadState } from './upload-store.ts';

/** What an uploaded file contains. */
export interface Inspected {
  data: InspectionView | undefined;
  error: Error | null;
  isPending: boolean;
}

/** Files that are inspected. Each inspection reads a whole file on the server. */
const MAX_INSPECTED = 20;
/** A gateway that serves too many inspections is asked again. */
const MAX_RETRIES = 10;

/** Inspects each stored file, with the options of the draft. */
export function useInspections(
  groups: readonly FileGroup[],
  state: UploadState,
  draft: BatchDraft,
): readonly Inspected[] {
  return useQueries({
    queries: groups.map((group, index) => {
      const { queryKey, request } = inspectionOf(group, state, draft);
      return {
        queryKey,
        queryFn: ({ signal }: { signal: AbortSignal }) =>
          sendJson<InspectionView>('POST', '/api/uploads/inspect', request, signal),
        enabled:
          index < MAX_INSPECTED && request.file !== undefined && group.problem === null && isStored(group, state),
        staleTime: Infinity,
        retry: (failures: number, error: Error) => failures < MAX_RETRIES && isBusy(error),
      };
    }),
    combine: (results) => results.map(({ data, error, isFetching }) => ({ data, error, isPending: isFetching })),
  });
}

/** The request that inspects a file. Its key contains the transfers, because a replaced file has the same object. */
export function inspectionOf(group: FileGroup, { transfers }: UploadState, draft: BatchDraft) {
  const storedAt = transfers[group.path]?.storedAt;
  const file = draft.files.find(({ path }) => path === storedAt);
  const { tabular } = readsTables([group]) ? draft.metadata : {};
  const request = { file, ...(tabular === undefined ? {} : { tabular }) };
  return { request, queryKey: ['inspection', request, group.parts.map((part) => transfers[part]?.number)] };
}

function isBusy(error: Error): boolean {
  return error instanceof ApiError && error.code === 'TOO_MANY_TRANSFERS';
}
