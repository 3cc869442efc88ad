import assert from 'node:assert/strict';
import { setTimeout as wait } from 'node:timers/promises';
import type { RunView } from '#shared/api/views.ts';
import { manifestKeyOf } from '#shared/contracts/object-keys.ts';
import { type ChaosBatch, manifestOf } from './batch.ts';
import { type ChaosSluice, WEBHOOK_TOKEN } from './sluice.ts';

/** Uploads batches and observes their runs, even while the gateway is unreachable. */

const BUCKET = 'landing-zone';
const POLL_MS = 200;
const RETRY_MS = 100;
/** A run that has not ended by then counts as lost. */
const TIMEOUT_MS = 10 * 60_000;

/** How a batch ended. */
export interface Result {
  id: string;
  batch: ChaosBatch;
  /** Undefined if the batch did not end within TIMEOUT_MS. */
  run: RunView | undefined;
  /** From the upload of the manifest to the end of the run. */
  milliseconds: number;
}

export interface SubmitOptions {
  /** How often the manifest is uploaded. */
  uploads?: number;
}

/** Uploads the batch, and waits until it is archived. */
export async function submit(
  sluice: ChaosSluice,
  id: string,
  batch: ChaosBatch,
  { uploads = 1 }: SubmitOptions = {},
): Promise<Result> {
  for (const { name, body } of batch.files) await upload(sluice, `${id}/${name}`, body);
  const manifest = batch.manifest ?? manifestOf(batch, id, BUCKET);
  const started = Date.now();
  const key = manifestKeyOf(id);
  await Promise.all(Array.from({ length: uploads }, () => upload(sluice, key, manifest)));
  const path = `/api/batches/${encodeURIComponent(id)}?manifest_key=${encodeURIComponent(key)}`;
  let run: RunView | undefined;
  while (Date.now() - started < TIMEOUT_MS) {
    const found = await readJson<RunView>(sluice, path);
    if (found !== undefined) run = found;
    if (run?.archived === true) {
      const ended = run.finished_at === null ? Date.now() : Date.parse(run.finished_at);
      return { id, batch, run, milliseconds: ended - started };
    }
    await wait(POLL_MS);
  }
  return { id, batch, run: run?.archived === true ? run : undefined, milliseconds: Date.now() - started };
}

/** Uploads an object, and repeats the upload until the gateway has stored it. */
export async function upload(sluice: ChaosSluice, key: string, body: Buffer | string): Promise<void> {
  const url = `${sluice.url}/api/landing/${key.split('/').map(encodeURIComponent).join('/')}`;
  for (;;) {
    const reply = await fetch(url, { method: 'PUT', body: body as BodyInit }).catch(() => undefined);
    const text = await reply?.text().catch(() => undefined);
    if (reply?.ok === true && text !== undefined) return;
    if (reply !== undefined && reply.status < 500) assert.fail(`The upload of ${key} failed: ${text}`);
    await wait(RETRY_MS);
  }
}

/** The JSON of a reply with status 200. Undefined if there is none. */
export async function readJson<T>(sluice: ChaosSluice, path: string): Promise<T | undefined> {
  try {
    const reply = await fetch(sluice.url + path);
    const body: unknown = await reply.json();
    return reply.ok ? (body as T) : undefined;
  } catch {
    return undefined;
  }
}

/** Sends the notification of an upload that was processed before, as MinIO does after an outage. */
export async function notifyAgain(sluice: ChaosSluice, id: string): Promise<void> {
  const record = {
    eventName: 's3:ObjectCreated:Put',
    eventSource: 'minio:s3',
    eventTime: new Date().toISOString(),
    s3: { bucket: { name: BUCKET }, object: { key: encodeURIComponent(manifestKeyOf(id)), eTag: id, sequencer: '1' } },
  };
  const reply = await fetch(`${sluice.url}/webhooks/minio`, {
    method: 'POST',
    headers: { authorization: `Bearer ${WEBHOOK_TOKEN}` },
    body: JSON.stringify({ Records: [record] }),
  }).catch(() => undefined);
  await reply?.text().catch(() => undefined);
}

/** Begins an upload of 8 MiB, and closes the connection in the middle of it. */
export async function breakUpload(sluice: ChaosSluice, key: string): Promise<void> {
  const half = 4 * 2 ** 20;
  const abort = new AbortController();
  const body = new ReadableStream({
    start: (controller) => controller.enqueue(new Uint8Array(half)),
    pull: async () => {
      await wait(RETRY_MS);
      abort.abort();
    },
  });
  const headers = { 'content-length': String(2 * half) };
  const options = { method: 'PUT', body, headers, duplex: 'half', signal: abort.signal };
  await fetch(`${sluice.url}/api/landing/${key}`, options as RequestInit).catch(() => undefined);
}
