import { useSyncExternalStore } from 'react';
import { exactTime, relativeTime } from './format.ts';

/** How often the relative times on the page are updated. */
const TICK_MS = 10_000;

const listeners = new Set<() => void>();
let now = Date.now();
let timer: ReturnType<typeof setInterval> | undefined;

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  timer ??= setInterval(() => {
    now = Date.now();
    for (const each of listeners) each();
  }, TICK_MS);
  return () => {
    listeners.delete(listener);
    if (listeners.size > 0) return;
    clearInterval(timer);
    timer = undefined;
  };
}

/** The age of a time, with the exact time on hover. */
export function RelativeTime({ time }: { time: string }) {
  const current = useSyncExternalStore(subscribe, () => now);
  return (
    <time dateTime={time} title={exactTime(time)} className="nowrap">
      {relativeTime(time, Math.max(current, Date.parse(time)))}
    </time>
  );
}
