import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import type { BatchCheckView } from '../../../shared/api/views.ts';
import { sendJson } from '../api/client.ts';
import type { BatchDraft } from './draft.ts';

/** Each keystroke would be a request. */
const TYPING_MS = 250;

/** The invalid fields of a draft, when it has not changed for a while. */
export function useCheck(draft: BatchDraft, enabled: boolean) {
  const text = JSON.stringify(draft);
  const settled = useSettled(text);
  const query = useQuery({
    queryKey: ['batch-check', settled],
    queryFn: () => sendJson<BatchCheckView>('POST', '/api/batches/check', JSON.parse(settled)),
    enabled,
    placeholderData: keepPreviousData,
    staleTime: Infinity,
  });
  return {
    draft: JSON.parse(settled) as BatchDraft,
    data: query.data,
    error: query.error,
    isCurrent: settled === text && !query.isPlaceholderData,
  };
}

/** A value that has not changed for TYPING_MS. */
export function useSettled(value: string): string {
  const [settled, setSettled] = useState(value);
  useEffect(() => {
    if (value === settled) return;
    const timer = setTimeout(() => setSettled(value), TYPING_MS);
    return () => clearTimeout(timer);
  }, [value, settled]);
  return settled;
}
