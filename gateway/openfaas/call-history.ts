import type { FunctionCallsView } from '#shared/api/views.ts';
import type { ErrorDocument } from '#shared/errors/sluice-error.ts';

const MINUTE_MS = 60_000;
const MINUTES = 60;
/** Durations of a minute that are kept. Of more calls, a random choice is kept, with the same distribution. */
const MAX_DURATIONS = 200;
const MAX_ERRORS = 10;

/** A call that has ended. */
export interface EndedCall {
  seconds: number;
  /** Undefined if the call succeeded. */
  error?: ErrorDocument | undefined;
  runId: string | undefined;
}

interface Minute {
  /** Minutes since 1970. */
  number: number;
  calls: number;
  failures: number;
  durations: number[];
}

interface FunctionHistory {
  running: number;
  /** Oldest first, without minutes in which no call ended. */
  minutes: Minute[];
  /** Newest first. */
  errors: FunctionCallsView['errors'];
}

/** The calls of each function in the last hour, in memory: a restart of the gateway begins anew. */
export class CallHistory {
  readonly #functions = new Map<string, FunctionHistory>();

  start(name: string): void {
    this.#of(name).running++;
  }

  end(name: string, { seconds, error, runId }: EndedCall, now = Date.now()): void {
    const history = this.#of(name);
    history.running--;
    const minute = minuteAt(history, now);
    minute.calls++;
    keepSample(minute, seconds);
    if (error === undefined) return;
    minute.failures++;
    const at = new Date(now).toISOString();
    history.errors.unshift({ at, code: error.code, message: error.message, run_id: runId ?? null });
    history.errors.length = Math.min(history.errors.length, MAX_ERRORS);
  }

  view(name: string, now = Date.now()): FunctionCallsView {
    const { running, minutes, errors } = this.#of(name);
    const first = Math.floor(now / MINUTE_MS) - MINUTES + 1;
    const shown = minutes.filter(({ number }) => number >= first);
    return {
      function: name,
      since: new Date(first * MINUTE_MS).toISOString(),
      running,
      calls: shown.reduce((sum, { calls }) => sum + calls, 0),
      failures: shown.reduce((sum, { failures }) => sum + failures, 0),
      seconds: percentilesOf(shown),
      minutes: shown.map((minute) => ({
        minute: new Date(minute.number * MINUTE_MS).toISOString(),
        calls: minute.calls,
        failures: minute.failures,
        seconds: percentilesOf([minute]),
      })),
      errors,
    };
  }

  #of(name: string): FunctionHistory {
    const known = this.#functions.get(name);
    if (known) return known;
    const created = { running: 0, minutes: [], errors: [] };
    this.#functions.set(name, created);
    return created;
  }
}

function minuteAt({ minutes }: FunctionHistory, now: number): Minute {
  const number = Math.floor(now / MINUTE_MS);
  const last = minutes.at(-1);
  // The clock can be set back.
  if (last !== undefined && last.number >= number) return last;
  const created = { number, calls: 0, failures: 0, durations: [] };
  minutes.push(created);
  if (minutes.length > MINUTES) minutes.shift();
  return created;
}

/** Reservoir sampling: each call of the minute is kept with the same probability. */
function keepSample({ calls, durations }: Minute, seconds: number): void {
  if (durations.length < MAX_DURATIONS) durations.push(seconds);
  else {
    const index = Math.floor(Math.random() * calls);
    if (index < MAX_DURATIONS) durations[index] = seconds;
  }
}

/** The percentiles of all calls. Each kept duration counts for an equal share of the calls of its minute. */
function percentilesOf(minutes: readonly Minute[]): FunctionCallsView['seconds'] {
  const weighted = minutes.flatMap(({ calls, durations }) =>
    durations.map((seconds) => ({ seconds, weight: calls / durations.length })),
  );
  if (weighted.length === 0) return null;
  weighted.sort((a, b) => a.seconds - b.seconds);
  const total = weighted.reduce((sum, { weight }) => sum + weight, 0);
  const percentile = (share: number) => {
    let below = 0;
    for (const { seconds, weight } of weighted) if ((below += weight) >= share * total) return seconds;
    return weighted.at(-1)?.seconds ?? 0;
  };
  return { p50: percentile(0.5), p95: percentile(0.95) };
}
