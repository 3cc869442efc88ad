import { useEffect, useReducer } from 'react';
import { followLog, type LogLine, MAX_LINES } from './read-log.ts';

interface LogState {
  lines: LogLine[];
  error: Error | undefined;
  isRead: boolean;
}

type LogEvent = { lines: LogLine[] } | { error: Error } | 'start' | 'read';
const EMPTY: LogState = { lines: [], error: undefined, isRead: false };
/** How long the page waits for the lines that exist. An empty log sends nothing. */
const FIRST_LINES_MS = 1_000;

function reduce(state: LogState, event: LogEvent): LogState {
  if (event === 'start') return EMPTY;
  if (event === 'read') return { ...state, isRead: true };
  if ('error' in event) return { ...state, error: event.error, isRead: true };
  return { ...state, lines: [...state.lines, ...event.lines].slice(-MAX_LINES), isRead: true };
}

/** The log that `path`, from logPath, returns, followed while `follows` is true. */
export function useLog(path: string, follows: boolean): LogState {
  const [state, dispatch] = useReducer(reduce, EMPTY);
  useEffect(() => {
    if (!follows) return;
    const ending = new AbortController();
    const timer = setTimeout(() => dispatch('read'), FIRST_LINES_MS);
    const follow = async () => {
      dispatch('start');
      for await (const lines of followLog(path, ending.signal)) dispatch({ lines });
    };
    follow().catch((thrown: unknown) => {
      if (!ending.signal.aborted) dispatch({ error: thrown as Error });
    });
    return () => {
      clearTimeout(timer);
      ending.abort();
    };
  }, [path, follows]);
  return state;
}
