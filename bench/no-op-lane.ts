import { manifestKeyOf } from '#shared/contracts/object-keys.ts';
import { randomUUID } from 'node:crypto';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { deterministicId, deterministicObjectId, type SluiceEvent } from '#shared/events/event.ts';
import { type ManifestDocument } from '#shared/ledger/documents.ts';
import type { Ledger } from '#shared/ledger/ledger.ts';
import { newDataset, newRun } from '#shared/ledger/new-run.ts';
import type { Handler } from '#shared/runtime/context.ts';
import { withClaim } from '#shared/runtime/with-claim.ts';
import { LANE_STEPS, type StepName } from '#shared/contracts/lanes.ts';

/** The event type that each function of the vector lane returns. The events have no data. */
const REPLIES: Record<StepName | 'validate-manifest', string | undefined> = {
  'validate-manifest': 'sluice.run.requested.vector',
  'load-to-postgis': 'sluice.table.loaded',
  'transform-recipe': 'sluice.table.ready',
  'export-geoparquet': 'sluice.asset.exported',
  'record-lineage': 'sluice.run.succeeded',
  'export-cog': undefined,
  'export-parquet': undefined,
  join: undefined,
  archive: undefined,
};
const FIRST_TYPE = 'com.amazonaws.s3.ObjectCreated:Put';
const SOURCE = '/bench';

/** The vector lane, with functions that admit a run, and claim and finish its steps. */
export class NoOpLane {
  /** Milliseconds from publication to start, of all hops, and of the first hop of each run. */
  readonly hops: number[] = [];
  readonly firstHops: number[] = [];
  #ledger: Ledger;
  #ended = new Map<string, () => void>();

  constructor(ledger: Ledger) {
    this.#ledger = ledger;
  }

  clearMeasurements(): void {
    this.hops.length = 0;
    this.firstHops.length = 0;
  }

  /** Publishes the first event of a new run, and waits for its last step. */
  async run(publish: (event: SluiceEvent) => Promise<void>): Promise<void> {
    const batchId = randomUUID();
    const ended = new Promise<void>((done) => this.#ended.set(batchId, done));
    await publish(eventOf(FIRST_TYPE, batchId, { batch_id: batchId }));
    await ended;
  }

  handler(name: string): Handler {
    if (name === 'validate-manifest') return (event) => this.#admit(event);
    const step = LANE_STEPS.vector.find((candidate) => candidate === name);
    if (step !== undefined) return (event, context) => this.#step(event, context, step);
    return (event) =>
      Promise.reject(new SluiceError('INTERNAL', `${name} received ${event.type}: ${event.knativeerrordata ?? ''}`));
  }

  async #admit(event: SluiceEvent): Promise<SluiceEvent> {
    const batchId = this.#recordHop(event);
    this.firstHops.push(this.hops.at(-1) ?? 0);
    const manifest = { batch_id: batchId, uploader: 'bench', intent: 'ingest_vector', files: [], metadata: {} };
    const manifestId = deterministicObjectId('manifest', batchId);
    const manifestKey = manifestKeyOf(batchId);
    const run = newRun({ manifest, manifestId, manifestKey, lane: 'vector', datasetId: batchId, operator: 'bench' });
    const document: ManifestDocument = {
      _id: manifestId,
      batch_id: batchId,
      claimed_batch_id: null,
      manifest_key: manifestKey,
      sha256: '',
      status: 'running',
      run_id: run.run_id,
      lane: 'vector',
      body: manifest,
      raw: null,
      error: null,
      archive_key: null,
      created_at: run.created_at,
      updated_at: run.created_at,
    };
    await this.#ledger.admitManifest(document, run, newDataset(batchId));
    return eventOf(REPLIES['validate-manifest'] ?? '', run.run_id, { batch_id: batchId });
  }

  async #step(
    event: SluiceEvent,
    context: Parameters<Handler>[1],
    step: (typeof LANE_STEPS.vector)[number],
  ): Promise<SluiceEvent | undefined> {
    const batchId = this.#recordHop(event);
    const reply = REPLIES[step];
    const runId = event.subject ?? '';
    const target = { runId, step, ...(step === 'record-lineage' ? { close: 'success' as const } : {}) };
    const result = await withClaim(context, target, () =>
      Promise.resolve(reply === undefined ? undefined : eventOf(reply, runId, { batch_id: batchId })),
    );
    if (step === 'archive') this.#ended.get(batchId)?.();
    return result;
  }

  #recordHop(event: SluiceEvent): string {
    this.hops.push(Date.now() - Date.parse(event.time));
    return (event.data as { batch_id: string }).batch_id;
  }
}

function eventOf(type: string, subject: string, data: object): SluiceEvent {
  return {
    specversion: '1.0',
    id: deterministicId(type, subject),
    source: SOURCE,
    type,
    subject,
    time: new Date().toISOString(),
    datacontenttype: 'application/json',
    data,
  };
}
