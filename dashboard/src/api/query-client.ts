import { QueryClient } from '@tanstack/react-query';
import { ApiError } from './client.ts';

/** A transient error is retried this often. */
const MAX_RETRIES = 2;
const FIRST_HTTP_SERVER_ERROR = 500;

export const queryClient = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 2_000,
      // The gateway is local; the browser's idea of being offline does not matter.
      networkMode: 'always',
      retry: (failures, error) => failures < MAX_RETRIES && isTransient(error),
    },
    mutations: { networkMode: 'always' },
  },
});

function isTransient(error: Error): boolean {
  return !(error instanceof ApiError) || error.status === 0 || error.status >= FIRST_HTTP_SERVER_ERROR;
}
