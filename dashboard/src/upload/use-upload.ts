import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { useEffect, useMemo, useSyncExternalStore } from 'react';
import type { FileGroup, FieldIssue, UploadPlanView } from '../../../shared/api/views.ts';
import { sendJson } from '../api/client.ts';
import { bytes } from '../ui/format.ts';
import { type BatchDraft, draftOf, isStored } from './draft.ts';
import { useCheck } from './use-check.ts';
import { type Inspected, useInspections } from './use-inspections.ts';
import { type UploadState, uploadStore } from './upload-store.ts';

/** The upload page: the chosen files as datasets, their transfers, and the draft of the manifest. */
export interface UploadFlow {
  state: UploadState;
  groups: readonly FileGroup[];
  /** The dataset that the name of the first file proposes. */
  proposedId: string | null;
  draft: BatchDraft;
  /** The invalid fields of the draft. */
  issues: readonly FieldIssue[];
  /** Why the files could not be planned, or the draft not be checked. */
  error: Error | null;
  /** What the stored files contain, in the order of the groups. */
  inspections: readonly Inspected[];
  /** Whether all files are stored, and the draft is valid. */
  isReady: boolean;
}

const NO_GROUPS: readonly FileGroup[] = [];
const NO_ISSUES: readonly FieldIssue[] = [];

export function useUpload(): UploadFlow {
  const state = useSyncExternalStore(uploadStore.subscribe, uploadStore.snapshot);
  const plan = usePlan(state);
  const groups = state.files.length === 0 ? NO_GROUPS : (plan.data?.files ?? NO_GROUPS);
  const proposedId = plan.data?.dataset_id ?? null;
  const draft = draftOf(groups, state, proposedId);
  const check = useCheck(draft, groups.length > 0);
  const issues = check.data?.issues ?? NO_ISSUES;
  const inspections = useInspections(groups, state, check.draft);
  const isComplete = groups.length > 0 && groups.every((group) => group.problem === null && isStored(group, state));
  return {
    state,
    groups,
    proposedId,
    draft,
    issues,
    inspections,
    error: plan.error ?? check.error,
    isReady: isComplete && !plan.isPlaceholderData && check.isCurrent && check.data?.issues.length === 0,
  };
}

/** How the gateway reads the names of the files. The upload of complete datasets starts immediately. */
function usePlan({ files, options }: UploadState) {
  const offered = files.map(({ path, members }) => {
    const { type, format } = options[path] ?? {};
    return { path, ...(members && { members }), ...(type && { type }), ...(format && { format }) };
  });
  const query = useQuery({
    queryKey: ['upload-plan', offered],
    queryFn: () => sendJson<UploadPlanView>('POST', '/api/uploads/plan', { files: offered }),
    enabled: offered.length > 0,
    placeholderData: keepPreviousData,
    staleTime: Infinity,
  });
  const { data, isPlaceholderData } = query;
  const plan = useMemo(() => data && withLocalProblems(data, files), [data, files]);
  useEffect(() => {
    if (isPlaceholderData || files.length === 0) return;
    for (const { problem, parts } of plan?.files ?? []) if (problem === null) uploadStore.upload(parts);
  }, [plan, isPlaceholderData, files]);
  return { data: plan, error: query.error, isPlaceholderData };
}

/** Reports what only the browser knows before the upload: the sizes of the files. */
function withLocalProblems(plan: UploadPlanView, files: UploadState['files']): UploadPlanView {
  const limit = plan.max_file_bytes;
  const sizes = new Map(files.map(({ path, file }) => [path, file.size]));
  const problemOf = ({ parts, path, problem }: FileGroup) => {
    const large = parts.find((part) => (sizes.get(part) ?? 0) > limit);
    if (large !== undefined) {
      const message = `${large} is larger than ${bytes(limit)}. An administrator can raise MAX_FILE_BYTES.`;
      return { code: 'FILE_TOO_LARGE', message };
    }
    if (sizes.get(path) === 0) return { code: 'FILE_UNREADABLE', message: `${path} is empty. Export it again.` };
    return problem;
  };
  return { ...plan, files: plan.files.map((group) => ({ ...group, problem: problemOf(group) })) };
}
