import { keepPreviousData, queryOptions } from '@tanstack/react-query';
import type {
  ActivityView,
  AssetDetailView,
  AssetView,
  DatasetView,
  DeadLetterView,
  FunctionCallsView,
  JoinSourceDetailView,
  JoinSourcesView,
  ManifestOptionsView,
  OverviewView,
  RunView,
} from '../../../shared/api/views.ts';
import { getJson, withQuery } from './client.ts';
import type { FunctionStatus } from './function-status.ts';

/** The lists and documents of the API, with how often a visible page reads them again. */

const LIVE_MS = 2_000;
const CALM_MS = 10_000;

/** Rows of one page of a list. */
export const PAGE_SIZE = 50;

export interface Page {
  /** Starts at 1. */
  page?: number;
}

/** One row more than a page shows whether a next page exists. */
function pageQuery({ page = 1 }: Page) {
  return { limit: PAGE_SIZE + 1, offset: (page - 1) * PAGE_SIZE };
}

/** Who uses the page. Without a login, everyone has the role admin. */
export interface Session {
  login: boolean;
  user: string | null;
  role: string;
}

export const sessionQuery = queryOptions({
  queryKey: ['session'],
  queryFn: ({ signal }) => getJson<Session>('/api/session', signal),
  staleTime: Infinity,
});

/** What a form for manifests offers. It changes with the release only. */
export const manifestOptionsQuery = queryOptions({
  queryKey: ['manifest-options'],
  queryFn: ({ signal }) => getJson<ManifestOptionsView>('/api/manifest-options', signal),
  staleTime: Infinity,
});

export const overviewQuery = queryOptions({
  queryKey: ['overview'],
  queryFn: ({ signal }) => getJson<OverviewView>('/api/overview', signal),
  refetchInterval: LIVE_MS,
});

export interface RunFilter extends Page {
  status?: string;
  lane?: string;
  dataset_id?: string;
  batch_id?: string;
  /** Part of a batch, dataset, run or uploader. */
  text?: string;
  /** ISO 8601. */
  since?: string;
  until?: string;
}

export const runsQuery = ({ page, ...filter }: RunFilter) =>
  queryOptions({
    queryKey: ['runs', filter, page],
    queryFn: ({ signal }) => getJson<RunView[]>(withQuery('/api/runs', { ...filter, ...pageQuery({ page }) }), signal),
    refetchInterval: LIVE_MS,
    placeholderData: keepPreviousData,
  });

export const runQuery = (runId: string) =>
  queryOptions({
    queryKey: ['run', runId],
    queryFn: ({ signal }) => getJson<RunView>(`/api/runs/${encodeURIComponent(runId)}`, signal),
  });

export const runActivityQuery = (runId: string) =>
  queryOptions({
    queryKey: ['run', runId, 'activity'],
    queryFn: ({ signal }) => getJson<ActivityView[]>(`/api/runs/${encodeURIComponent(runId)}/activity`, signal),
  });

export const activityQuery = ({ page }: Page) =>
  queryOptions({
    queryKey: ['activity', page],
    queryFn: ({ signal }) => getJson<ActivityView[]>(withQuery('/api/activity', pageQuery({ page })), signal),
    refetchInterval: CALM_MS,
    placeholderData: keepPreviousData,
  });

export const datasetsQuery = queryOptions({
  queryKey: ['datasets'],
  queryFn: ({ signal }) => getJson<DatasetView[]>('/api/datasets', signal),
  refetchInterval: CALM_MS,
});

export const datasetQuery = (datasetId: string) =>
  queryOptions({
    queryKey: ['datasets', datasetId],
    queryFn: ({ signal }) => getJson<DatasetView>(`/api/datasets/${encodeURIComponent(datasetId)}`, signal),
  });

export const assetsQuery = (filter: Page & { dataset_id?: string }) =>
  queryOptions({
    queryKey: ['assets', filter],
    queryFn: ({ signal }) => {
      const path = withQuery('/api/assets', { dataset_id: filter.dataset_id, ...pageQuery(filter) });
      return getJson<AssetView[]>(path, signal);
    },
    refetchInterval: CALM_MS,
    placeholderData: keepPreviousData,
  });

/** An asset never changes, but it can be removed. */
export const assetQuery = (assetId: string) =>
  queryOptions({
    queryKey: ['asset', assetId],
    queryFn: ({ signal }) => getJson<AssetDetailView>(`/api/assets/${encodeURIComponent(assetId)}`, signal),
  });

/** The datasets that can be one side of a join, with `text` in their names. */
export const joinSourcesQuery = (side: 'spatial' | 'tabular', text: string) =>
  queryOptions({
    queryKey: ['join-sources', side, text],
    queryFn: ({ signal }) => getJson<JoinSourcesView>(withQuery('/api/joins/sources', { side, text }), signal),
    refetchInterval: CALM_MS,
    placeholderData: keepPreviousData,
  });

/** An asset that is one side of a join; `''` for none. */
export const joinSourceQuery = (assetId: string) =>
  queryOptions({
    queryKey: ['join-source', assetId],
    queryFn: ({ signal }) => getJson<JoinSourceDetailView>(`/api/joins/sources/${encodeURIComponent(assetId)}`, signal),
    enabled: assetId !== '',
    staleTime: Infinity,
  });

export const deadLettersQuery = ({ page }: Page) =>
  queryOptions({
    queryKey: ['dead-letters', page],
    queryFn: ({ signal }) => getJson<DeadLetterView[]>(withQuery('/api/dead-letters', pageQuery({ page })), signal),
    refetchInterval: CALM_MS,
    placeholderData: keepPreviousData,
  });

export const functionsQuery = queryOptions({
  queryKey: ['functions'],
  queryFn: ({ signal }) => getJson<FunctionStatus[]>('/system/functions', signal),
  refetchInterval: CALM_MS,
});

export const functionCallsQuery = queryOptions({
  queryKey: ['function-calls'],
  queryFn: ({ signal }) => getJson<FunctionCallsView[]>('/api/function-calls', signal),
  refetchInterval: CALM_MS,
});

export const functionQuery = (name: string) =>
  queryOptions({
    queryKey: ['functions', name],
    queryFn: ({ signal }) => getJson<FunctionStatus>(`/system/function/${encodeURIComponent(name)}`, signal),
    refetchInterval: CALM_MS,
  });
