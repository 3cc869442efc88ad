import { useQuery } from '@tanstack/react-query';
import { useEffect } from 'react';
import type { FieldIssue, JoinPreviewView, JoinSourceDetailView } from '../../../shared/api/views.ts';
import { ApiError, sendJson } from '../api/client.ts';
import { joinSourceQuery } from '../api/queries.ts';
import type { BatchDraft } from '../upload/draft.ts';
import { useCheck, useSettled } from '../upload/use-check.ts';
import { type Key, keysOf, proposeDataset } from './keys.ts';
import { type JoinChoice, useJoinChoice } from './use-join-choice.ts';

/** What the user types. */
export interface JoinForm {
  /** Empty for the proposed name. The URL has it, too, when the user pauses. */
  dataset: string;
  description: string;
  uploader: string;
}

/** The join page: the chosen sides and keys, and the draft of the manifest. */
export interface JoinFlow {
  choice: JoinChoice;
  change: (fields: Partial<JoinChoice>) => void;
  features: JoinSourceDetailView | undefined;
  table: JoinSourceDetailView | undefined;
  keys: { feature: Key | undefined; table: Key | undefined };
  /** Undefined until both sides and keys are chosen. */
  config: JoinConfig | undefined;
  draft: BatchDraft;
  issues: readonly FieldIssue[];
  /** Whether the draft is complete and valid. */
  isReady: boolean;
}

export interface JoinConfig {
  spatial_asset_id: string;
  tabular_asset_id: string;
  left_key: string;
  right_key: string;
  how: string;
  allow_duplicate_keys: boolean;
}

export function useJoin(form: JoinForm): JoinFlow {
  const { choice, change } = useJoinChoice();
  const settled = useSettled(form.dataset);
  useEffect(() => {
    if (settled === form.dataset && settled !== choice.dataset) change({ dataset: settled });
  }, [settled, form.dataset, choice.dataset, change]);
  const features = useQuery(joinSourceQuery(choice.features)).data;
  const table = useQuery(joinSourceQuery(choice.table)).data;
  const keys = keysOf(features?.keys ?? [], table?.keys ?? [], choice);
  const config = configOf(choice, keys);
  const proposed = features && table ? proposeDataset(features.dataset_id, table.dataset_id) : '';
  const draft = {
    dataset_id: form.dataset || proposed,
    ...(form.uploader !== '' && { uploader: form.uploader }),
    intent: 'join_datasets',
    files: [],
    metadata: { ...(form.description !== '' && { description: form.description }), join_config: config },
  };
  const check = useCheck(draft, config !== undefined);
  // A check of the draft before the keys were chosen reports that join_config is missing.
  const issues = check.draft.metadata.join_config === undefined ? [] : (check.data?.issues ?? []);
  return {
    choice,
    change,
    features,
    table,
    keys,
    config,
    draft,
    issues,
    isReady: config !== undefined && check.isCurrent && check.data?.issues.length === 0,
  };
}

function configOf(choice: JoinChoice, { feature, table }: JoinFlow['keys']): JoinConfig | undefined {
  if (feature === undefined || table === undefined) return undefined;
  return {
    spatial_asset_id: choice.features,
    tabular_asset_id: choice.table,
    left_key: feature.name,
    right_key: table.name,
    how: choice.how === 'inner' ? 'inner' : 'left',
    allow_duplicate_keys: choice.duplicates === '1',
  };
}

/** A gateway that serves too many previews is asked again. */
const MAX_RETRIES = 10;

/** What the join would do. A changed join cancels the preview of the earlier one. */
export function useJoinPreview(config: JoinConfig | undefined) {
  return useQuery({
    queryKey: ['join-preview', config],
    queryFn: ({ signal }) => sendJson<JoinPreviewView>('POST', '/api/joins/preview', { join_config: config }, signal),
    enabled: config !== undefined,
    staleTime: Infinity,
    retry: (failures, error) => failures < MAX_RETRIES && isBusy(error),
  });
}

function isBusy(error: Error): boolean {
  return error instanceof ApiError && error.code === 'TOO_MANY_TRANSFERS';
}
