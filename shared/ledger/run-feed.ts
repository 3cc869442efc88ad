import type { Status } from '#shared/contracts/statuses.ts';

export type RunListener = (runId: string, status: Status) => void;

/** A subscription of a server to the changes of runs by all processes. It reconnects when it is lost. */
export interface RunSource {
  close(): void | Promise<void>;
}

/** All listeners of a ledger share one source, which is open only while there are listeners. */
export class RunFeed {
  readonly #openSource: (notify: RunListener) => Promise<RunSource>;
  readonly #listeners = new Set<RunListener>();
  #source: Promise<RunSource> | undefined;

  /** `openSource` resolves when changes are received, and then calls `notify` for each. */
  constructor(openSource: (notify: RunListener) => Promise<RunSource>) {
    this.#openSource = openSource;
  }

  /** Resolves when changes are received. Throws the error of `openSource`. */
  async listen(listener: RunListener, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    this.#listeners.add(listener);
    signal.addEventListener('abort', () => this.#remove(listener), { once: true });
    const opening = (this.#source ??= this.#openSource((runId, status) => this.#notify(runId, status)));
    try {
      await opening;
    } catch (thrown) {
      if (this.#source === opening) this.#source = undefined; // Another one may be open since.
      this.#remove(listener);
      throw thrown;
    }
  }

  async close(): Promise<void> {
    this.#listeners.clear();
    await this.#closeSource();
  }

  #notify(runId: string, status: Status): void {
    for (const listener of this.#listeners) listener(runId, status);
  }

  #remove(listener: RunListener): void {
    this.#listeners.delete(listener);
    if (this.#listeners.size === 0) void this.#closeSource();
  }

  async #closeSource(): Promise<void> {
    const opening = this.#source;
    this.#source = undefined;
    const source = await opening?.catch(() => undefined);
    await source?.close();
  }
}
