import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useEffect } from 'react';
import type { RunView } from '../../../shared/api/views.ts';
import { runActivityQuery, runQuery } from '../api/queries.ts';

/**
 * A run and its changes, from the server-sent events of the gateway. The stream is open only while the page is visible
 * and the run can still change.
 */
export function useLiveRun(runId: string) {
  const queryClient = useQueryClient();
  const query = useQuery(runQuery(runId));
  const isOpen = query.data !== undefined && !query.data.archived;
  useEffect(() => {
    if (!isOpen) return;
    let source: EventSource | undefined;
    const close = () => {
      source?.close();
      source = undefined;
    };
    const onRun = (event: MessageEvent<string>) => {
      const run = JSON.parse(event.data) as RunView;
      queryClient.setQueryData(runQuery(runId).queryKey, run);
      void queryClient.invalidateQueries({ queryKey: runActivityQuery(runId).queryKey });
      if (run.archived) close();
    };
    const follow = () => {
      close();
      if (document.visibilityState === 'hidden') return;
      source = new EventSource(`/api/runs/${encodeURIComponent(runId)}/events`);
      source.addEventListener('run', onRun);
    };
    follow();
    document.addEventListener('visibilitychange', follow);
    return () => {
      document.removeEventListener('visibilitychange', follow);
      close();
    };
  }, [runId, isOpen, queryClient]);
  return query;
}
