import { Worker } from 'node:worker_threads';
import type { ChaosSluice } from './sluice.ts';

/** The parameters of the thread that requests /healthz. */
export interface HealthState {
  url: string;
  /** The gateway process. */
  pid: number;
  /** What is going on, for the report. */
  activity: string;
}

/** One request. Times are in milliseconds. */
export interface HealthSample {
  /** 0 if there was no reply. */
  status: number;
  /** The code of the system error, if there was no reply. */
  failure?: string | undefined;
  activity: string;
  milliseconds: number;
  /** Processor time of the main thread of the gateway during the request: the time in which it did something. */
  cpuMs: number;
  /** Time in which this thread was ready but had no processor. */
  queuedMs: number;
  /** The same of the thread of the probe. */
  probeQueuedMs: number;
  /** The delay of the timer that sent the request. It shows how busy the machine is. */
  lagMs: number;
}

/** The promise of `/healthz`. */
export const LIMIT_MS = 100;

/** Requests /healthz every 50 ms until `stop`, and collects the times. */
export class HealthProbe {
  readonly samples: HealthSample[] = [];
  readonly #worker = new Worker(new URL('health.worker.ts', import.meta.url));
  readonly #sluice: ChaosSluice;

  constructor(sluice: ChaosSluice, activity: string) {
    this.#sluice = sluice;
    this.#worker.on('message', (samples: HealthSample[]) => void this.samples.push(...samples));
    this.during(activity);
  }

  /** Sets what is going on from now on. Must also be called when the gateway was started again. */
  during(activity: string): void {
    this.#worker.postMessage({ url: this.#sluice.url, pid: this.#sluice.pid, activity } satisfies HealthState);
  }

  async stop(): Promise<void> {
    await this.#worker.terminate();
  }

  /** Lines with the percentiles of each activity, and the slow replies for which the machine was not the reason. */
  report(): string[] {
    const activities = [...new Set(this.samples.map(({ activity }) => activity))];
    return activities.flatMap((activity) => {
      const all = this.samples.filter((sample) => sample.activity === activity);
      const replies = all.filter(({ status }) => status !== 0);
      const slow = replies.filter(({ milliseconds }) => milliseconds > LIMIT_MS);
      const own = slow.filter((sample) => ownTime(sample) > LIMIT_MS).toSorted((a, b) => ownTime(b) - ownTime(a));
      const times = (of: (sample: HealthSample) => number) =>
        `p50 ${quantile(replies.map(of), 0.5)}, p99 ${quantile(replies.map(of), 0.99)}, max ${quantile(replies.map(of), 1)} ms`;
      return [
        `/healthz during ${activity}: ${replies.length} replies, ${all.length - replies.length} without a reply${failures(all)}, ` +
          `${times(({ milliseconds }) => milliseconds)}, ${slow.length} above ${LIMIT_MS} ms; without the time ` +
          `in which gateway and probe waited for a processor: ${times(ownTime)}, ${own.length} above ${LIMIT_MS} ms`,
        ...own
          .slice(0, SHOWN)
          .map(
            ({ status, milliseconds, cpuMs, queuedMs, probeQueuedMs }) =>
              `  ${status} after ${milliseconds.toFixed(0)} ms: the gateway used ${cpuMs.toFixed(0)} ms of processor time ` +
              `and waited ${queuedMs.toFixed(0)} ms for a processor; the probe waited ${probeQueuedMs.toFixed(0)} ms for one`,
          ),
      ];
    });
  }
}

/** The codes of the system errors, and their numbers. */
function failures(samples: HealthSample[]): string {
  const counts = new Map<string, number>();
  for (const { status, failure = 'no error' } of samples)
    if (status === 0) counts.set(failure, (counts.get(failure) ?? 0) + 1);
  return counts.size === 0 ? '' : ` (${[...counts].map(([code, count]) => `${code} ${count}`).join(', ')})`;
}

/** Slow replies in the report of an activity. */
const SHOWN = 5;

/** The time of a reply without the time in which the gateway and the probe waited for a processor. */
function ownTime({ milliseconds, queuedMs, probeQueuedMs }: HealthSample): number {
  return Math.max(0, milliseconds - queuedMs - probeQueuedMs);
}

function quantile(times: number[], share: number): string {
  return (times.toSorted((a, b) => a - b)[Math.ceil(share * times.length) - 1] ?? 0).toFixed(0);
}
