import { Worker } from 'node:worker_threads';
import type { ChaosSluice } from './sluice.ts';

/** What the thread that requests /healthz needs to know. */
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
  activity: string;
  milliseconds: number;
  /** Processor time of the main thread of the gateway during the request: the time in which it did something. */
  cpuMs: number;
  /** Time in which this thread was ready but had no processor. */
  queuedMs: number;
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

  /** Lines with the percentiles of each activity, and the slowest replies. */
  report(): string[] {
    const activities = [...new Set(this.samples.map(({ activity }) => activity))];
    return activities.flatMap((activity) => {
      const samples = this.samples.filter((sample) => sample.activity === activity && sample.status !== 0);
      const slow = samples.filter(({ milliseconds }) => milliseconds > LIMIT_MS);
      const slowest = slow.toSorted((a, b) => b.milliseconds - a.milliseconds).slice(0, 5);
      const failed = this.samples.filter((sample) => sample.activity === activity && sample.status === 0).length;
      return [
        `/healthz during ${activity}: ${samples.length} replies, ${failed} without a reply, ` +
          `p50 ${quantile(samples, 0.5)} ms, p99 ${quantile(samples, 0.99)} ms, max ${quantile(samples, 1)} ms, ` +
          `${slow.length} above ${LIMIT_MS} ms`,
        ...slowest.map(
          ({ status, milliseconds, cpuMs, queuedMs, lagMs }) =>
            `  ${status} after ${milliseconds.toFixed(0)} ms: the gateway used ${cpuMs.toFixed(0)} ms of processor time ` +
            `and waited ${queuedMs.toFixed(0)} ms for a processor; the probe itself was ${lagMs.toFixed(0)} ms late`,
        ),
      ];
    });
  }
}

function quantile(samples: HealthSample[], share: number): string {
  const sorted = samples.map(({ milliseconds }) => milliseconds).toSorted((a, b) => a - b);
  return (sorted[Math.ceil(share * sorted.length) - 1] ?? 0).toFixed(1);
}
