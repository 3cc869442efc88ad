import { readFileSync } from 'node:fs';
import { Agent, get } from 'node:http';
import { parentPort } from 'node:worker_threads';
import type { HealthSample, HealthState } from './health.ts';

/** Requests /healthz at a fixed interval, in a thread of its own. The main thread is busy with uploads. */

const INTERVAL_MS = 50;
const SAMPLES_PER_MESSAGE = 20;
/** This thread. */
const OWN = '/proc/thread-self';

const agent = new Agent({ keepAlive: true });
let state: HealthState | undefined;
let samples: HealthSample[] = [];
let due = performance.now();

parentPort?.on('message', (message: HealthState) => {
  state = message;
});
setInterval(() => {
  const now = performance.now();
  const lagMs = Math.max(0, now - due - INTERVAL_MS);
  due = now;
  if (state !== undefined) request(state, lagMs);
}, INTERVAL_MS);

function request(sent: HealthState, lagMs: number): void {
  const { url, pid } = sent;
  const gateway = `/proc/${pid}/task/${pid}`;
  const [started, before, ownBefore] = [performance.now(), scheduling(gateway), scheduling(OWN)];
  const end = (status: number, failure?: NodeJS.ErrnoException) => {
    const [after, ownAfter] = [scheduling(gateway), scheduling(OWN)];
    samples.push({
      status,
      failure: failure?.code,
      activity: (state ?? sent).activity, // A stop of the gateway can begin during the request.
      lagMs,
      milliseconds: performance.now() - started,
      cpuMs: after.cpuMs - before.cpuMs,
      queuedMs: after.queuedMs - before.queuedMs,
      probeQueuedMs: ownAfter.queuedMs - ownBefore.queuedMs,
    });
    if (samples.length < SAMPLES_PER_MESSAGE) return;
    parentPort?.postMessage(samples);
    samples = [];
  };
  get(`${url}/healthz`, { agent }, (response) => {
    response.on('end', () => end(response.statusCode ?? 0)).on('error', (failure) => end(0, failure));
    response.resume();
  }).on('error', (failure) => end(0, failure));
}

/** The time that a thread has executed, and has waited for a processor. `folder` is below /proc (Linux). */
function scheduling(folder: string): { cpuMs: number; queuedMs: number } {
  try {
    const [cpu, queued] = readFileSync(`${folder}/schedstat`, 'utf8').split(' ').map(Number);
    return { cpuMs: (cpu ?? 0) / 1e6, queuedMs: (queued ?? 0) / 1e6 };
  } catch {
    return { cpuMs: 0, queuedMs: 0 };
  }
}
