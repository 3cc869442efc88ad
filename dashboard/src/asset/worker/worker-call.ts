import { DataError } from './data-error.ts';

/** Calls of functions in a web worker, with partial results and an end by AbortSignal. */

export type CallMessage = { id: number; method: string; input: unknown } | { abort: number };

export type ReplyMessage =
  { id: number; kind: 'part' | 'result'; value: unknown } | { id: number; kind: 'error'; message: string };

/** A function of the worker. `part` sends a partial result. */
export type Method = (input: never, part: (value: unknown) => void, signal: AbortSignal) => Promise<unknown>;
type InputOf<M> = M extends (input: infer I, ...rest: never[]) => unknown ? I : never;
type ResultOf<M> = M extends (...all: never[]) => Promise<infer R> ? R : never;
type PartOf<M> = M extends (input: never, part: (value: infer P) => void, ...rest: never[]) => unknown ? P : never;

interface Options<Part> {
  signal?: AbortSignal;
  onPart?: (part: Part) => void;
}

interface PendingCall {
  resolve: (value: never) => void;
  reject: (reason: unknown) => void;
  onPart: ((part: never) => void) | undefined;
}

/** A worker with the functions `Methods`. */
export class WorkerClient<Methods extends Record<string, Method>> {
  readonly #worker: Worker;
  readonly #calls = new Map<number, PendingCall>();
  #lastId = 0;

  constructor(worker: Worker) {
    this.#worker = worker;
    worker.addEventListener('message', ({ data }: MessageEvent<ReplyMessage>) => this.#receive(data));
    worker.addEventListener('error', () => {
      const reason = new DataError('The file could not be read in this browser. Reload the page.');
      for (const call of this.#calls.values()) call.reject(reason);
      this.#calls.clear();
    });
  }

  /** Rejects with DataError, or with the reason of the signal. */
  call<Name extends keyof Methods & string>(
    method: Name,
    input: InputOf<Methods[Name]>,
    { signal, onPart }: Options<PartOf<Methods[Name]>> = {},
  ): Promise<ResultOf<Methods[Name]>> {
    const id = ++this.#lastId;
    return new Promise((resolve, reject) => {
      const abort = () => {
        this.#calls.delete(id);
        this.#worker.postMessage({ abort: id } satisfies CallMessage);
        reject(signal?.reason as Error);
      };
      if (signal?.aborted) return abort();
      signal?.addEventListener('abort', abort, { once: true });
      this.#calls.set(id, { resolve, reject, onPart });
      this.#worker.postMessage({ id, method, input } satisfies CallMessage);
    });
  }

  terminate(): void {
    this.#worker.terminate();
  }

  #receive(reply: ReplyMessage): void {
    const call = this.#calls.get(reply.id);
    if (reply.kind === 'part') return call?.onPart?.(reply.value as never);
    this.#calls.delete(reply.id);
    if (reply.kind === 'error') call?.reject(new DataError(reply.message));
    else call?.resolve(reply.value as never);
  }
}

/** Executes the calls of a WorkerClient, and returns their results to it. */
export function serveCalls(methods: Record<string, Method>): void {
  const running = new Map<number, AbortController>();
  const reply = (message: ReplyMessage) => self.postMessage(message);
  const answer = async (id: number, method: string, input: unknown) => {
    const controller = new AbortController();
    running.set(id, controller);
    try {
      const called = methods[method];
      if (!called) throw new DataError(`The worker has no function ${method}.`);
      const part = (value: unknown) => reply({ id, kind: 'part', value });
      reply({ id, kind: 'result', value: await called(input as never, part, controller.signal) });
    } catch (thrown) {
      const isKnown = thrown instanceof DataError;
      reply({ id, kind: 'error', message: isKnown ? thrown.message : `The file could not be read: ${String(thrown)}` });
    } finally {
      running.delete(id);
    }
  };
  self.addEventListener('message', ({ data }: MessageEvent<CallMessage>) => {
    if ('abort' in data) running.get(data.abort)?.abort();
    else void answer(data.id, data.method, data.input);
  });
}
