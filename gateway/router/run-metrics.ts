import { Counter, type Registry } from 'prom-client';
import { EVENT_SCHEMAS, type SluiceEvent } from '#shared/events/event.ts';
import type { EndStatus } from '#shared/contracts/statuses.ts';

const END_EVENTS = {
  'sluice.run.succeeded': 'success',
  'sluice.run.failed': 'failure',
  'sluice.run.canceled': 'canceled',
} as const satisfies Record<string, EndStatus>;

/** The end of a run can be published again for as long as the run is not archived, with another event id. */
const MAX_REMEMBERED_RUNS = 10_000;

/** Counts ended runs, and what they read and wrote, from the events that end them. It needs no query. */
export class RunMetrics {
  readonly #ended: Counter<'lane' | 'status'>;
  readonly #inputBytes: Counter<'lane'>;
  readonly #assetBytes: Counter<'lane'>;
  readonly #assetRows: Counter<'lane'>;
  readonly #counted = new Set<string>();

  constructor(registry: Registry) {
    const registers = [registry];
    this.#ended = new Counter({
      name: 'sluice_runs_total',
      help: 'Runs that have ended, by lane and status.',
      labelNames: ['lane', 'status'],
      registers,
    });
    this.#inputBytes = new Counter({
      name: 'sluice_input_bytes_total',
      help: 'Size of the files or assets that ended runs had as input.',
      labelNames: ['lane'],
      registers,
    });
    this.#assetBytes = new Counter({
      name: 'sluice_asset_bytes_total',
      help: 'Size of the assets that successful runs wrote.',
      labelNames: ['lane'],
      registers,
    });
    this.#assetRows = new Counter({
      name: 'sluice_asset_rows_total',
      help: 'Rows of the assets that successful runs wrote.',
      labelNames: ['lane'],
      registers,
    });
  }

  /** Has no effect for an event that ends no run, and for a run that was counted. */
  count(event: SluiceEvent): void {
    if (!isEndEvent(event.type) || this.#wasCounted(event.subject ?? event.id)) return;
    const status = END_EVENTS[event.type];
    const data = EVENT_SCHEMAS[event.type].safeParse(event.data).data;
    const lane = data?.lane ?? 'unknown'; // In an event of an earlier release.
    this.#ended.inc({ lane, status });
    this.#inputBytes.inc({ lane }, sizeOf(event));
    if (data === undefined || !('row_count' in data)) return;
    this.#assetRows.inc({ lane }, data.row_count ?? 0);
    this.#assetBytes.inc({ lane }, data.size_bytes ?? 0);
  }

  #wasCounted(runId: string): boolean {
    if (this.#counted.has(runId)) return true;
    this.#counted.add(runId);
    if (this.#counted.size > MAX_REMEMBERED_RUNS)
      for (const oldest of this.#counted) {
        this.#counted.delete(oldest);
        break;
      }
    return false;
  }
}

/** The size of the input; 0 if the event has none, or one that a counter cannot add. */
function sizeOf({ inputbytes }: SluiceEvent): number {
  const bytes = Number(inputbytes ?? 0);
  return Number.isSafeInteger(bytes) && bytes >= 0 ? bytes : 0;
}

function isEndEvent(type: string): type is keyof typeof END_EVENTS {
  return type in END_EVENTS;
}
