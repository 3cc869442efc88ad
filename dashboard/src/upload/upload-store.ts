import { type LocalFile } from './local-files.ts';
import { sendFile } from './send-file.ts';

/** What the user sets for one file, in place of what the names and the file declare. Fields of the manifest. */
export interface FileOptions {
  type?: string;
  format?: string;
  crs?: string;
  layer?: string;
  encoding?: string;
  x_column?: string;
  y_column?: string;
  wkt_column?: string;
}

/** What the user sets for the batch. */
export interface BatchForm {
  /** Undefined for the proposed one. */
  dataset_id?: string;
  intent?: string;
  uploader?: string;
  project?: string;
  description?: string;
  force?: boolean;
  recipe?: Record<string, unknown>;
  raster?: Record<string, unknown>;
  tabular?: Record<string, unknown>;
}

/** The upload of one file. */
export interface Transfer {
  state: 'waiting' | 'sending' | 'stored' | 'failed';
  /** Bytes. */
  sent: number;
  error?: Error;
  /** The object, as `s3://BUCKET/KEY`. */
  storedAt?: string;
  /** Of a stored file. A file that replaces another one has the same object, and another number. */
  number?: number;
}

export interface UploadState {
  files: readonly LocalFile[];
  /** By path of the file. */
  transfers: Readonly<Record<string, Transfer>>;
  /** By path of the main file of a dataset. */
  options: Readonly<Record<string, FileOptions>>;
  form: BatchForm;
}

const EMPTY: UploadState = { files: [], transfers: {}, options: {}, form: {} };

/**
 * The files of the upload page and their transfers, one at a time. It exists outside of the page, so that an upload
 * continues while the user visits other pages.
 */
export class UploadStore {
  #state = EMPTY;
  #folder = newFolder();
  #transfers = 0;
  #sending: { path: string; controller: AbortController } | undefined;
  readonly #listeners = new Set<() => void>();
  readonly #send: typeof sendFile;

  constructor(send = sendFile) {
    this.#send = send;
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  readonly snapshot = (): UploadState => this.#state;

  /** Adds files. One with the path of an earlier file replaces it. */
  addFiles(added: readonly LocalFile[]): void {
    const paths = new Set(added.map(({ path }) => path));
    this.removeFiles([...paths]);
    this.#update({ files: [...this.#state.files, ...added] });
  }

  /** Removes files, and cancels their transfers. Stored objects remain, and no manifest names them. */
  removeFiles(paths: readonly string[]): void {
    const removed = new Set(paths);
    if (this.#sending && removed.has(this.#sending.path)) this.#sending.controller.abort();
    const kept = <T>(record: Readonly<Record<string, T>>) =>
      Object.fromEntries(Object.entries(record).filter(([path]) => !removed.has(path)));
    const { files, transfers, options } = this.#state;
    this.#update({
      files: files.filter(({ path }) => !removed.has(path)),
      transfers: kept(transfers),
      options: kept(options),
    });
    this.#next();
  }

  setOptions(path: string, changed: FileOptions): void {
    const options = withoutEmpty({ ...this.#state.options[path], ...changed });
    this.#update({ options: { ...this.#state.options, [path]: options } });
  }

  setForm(changed: BatchForm): void {
    this.#update({ form: { ...this.#state.form, ...changed } });
  }

  /** Uploads files that were not uploaded. Call it again after new files; a failed one is not repeated. */
  upload(paths: readonly string[]): void {
    const { files, transfers } = this.#state;
    const added = files.filter(({ path }) => paths.includes(path) && transfers[path] === undefined);
    if (added.length === 0) return;
    const waiting = Object.fromEntries(added.map(({ path }) => [path, { state: 'waiting', sent: 0 } as const]));
    this.#update({ transfers: { ...transfers, ...waiting } });
    this.#next();
  }

  /** Repeats failed transfers. */
  retry(paths: readonly string[]): void {
    const failed = paths.filter((path) => this.#state.transfers[path]?.state === 'failed');
    const waiting = Object.fromEntries(failed.map((path) => [path, { state: 'waiting', sent: 0 } as const]));
    this.#update({ transfers: { ...this.#state.transfers, ...waiting } });
    this.#next();
  }

  /** Forgets everything; the next files get a new folder. */
  clear(): void {
    this.#sending?.controller.abort();
    this.#folder = newFolder();
    this.#update(EMPTY);
  }

  #next(): void {
    if (this.#sending !== undefined) return;
    const { files, transfers } = this.#state;
    const next = files.find(({ path }) => transfers[path]?.state === 'waiting');
    if (next !== undefined) void this.#transfer(next);
  }

  async #transfer({ path, file }: LocalFile): Promise<void> {
    const controller = new AbortController();
    const sending = { path, controller };
    this.#sending = sending;
    const set = (transfer: Transfer) => {
      if (!controller.signal.aborted) this.#update({ transfers: { ...this.#state.transfers, [path]: transfer } });
    };
    set({ state: 'sending', sent: 0 });
    try {
      const options = { signal: controller.signal, onProgress: (sent: number) => set({ state: 'sending', sent }) };
      const stored = await this.#send(`${this.#folder}/${path}`, file, options);
      set({ state: 'stored', sent: file.size, storedAt: stored.path, number: (this.#transfers += 1) });
    } catch (thrown) {
      set({ state: 'failed', sent: 0, error: thrown as Error });
    } finally {
      this.#sending = undefined;
      this.#next();
    }
  }

  #update(changed: Partial<UploadState>): void {
    this.#state = { ...this.#state, ...changed };
    for (const listener of this.#listeners) listener();
  }
}

const RANDOM_BYTES = 4;

/** A new folder of the landing zone: nothing in it is overwritten. Names sort by time. */
function newFolder(): string {
  const random = [...crypto.getRandomValues(new Uint8Array(RANDOM_BYTES))];
  const digits = random.map((byte) => byte.toString(16).padStart(2, '0')).join('');
  return `uploads/${new Date().toISOString().replaceAll(/[-:]|\.\d+Z$/g, '')}-${digits}`;
}

function withoutEmpty(options: FileOptions): FileOptions {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined && value !== ''));
}

export const uploadStore = new UploadStore();
