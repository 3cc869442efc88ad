import { AsyncLocalStorage } from 'node:async_hooks';

/**
 * Traces with OpenTelemetry, if OTEL_EXPORTER_OTLP_ENDPOINT is set. Otherwise there is no Tracing and no span.
 */
export interface Tracing {
  /** Starts a span. `parent` is the traceparent (W3C Trace Context) of its parent; without one, a trace begins. */
  start(name: string, options?: SpanOptions): StartedSpan;
  /** Sends the spans that have ended, for a limited time. Never rejects. */
  close(): Promise<void>;
}

/** `undefined` values are left out. */
export type SpanAttributes = Record<string, string | number | boolean | undefined>;

export interface SpanOptions {
  parent?: string | undefined;
  /** By default `internal`. */
  kind?: 'internal' | 'client' | 'producer' | 'consumer';
  attributes?: SpanAttributes;
  /** By default now. */
  startedAt?: Date;
}

export interface StartedSpan {
  readonly tracing: Tracing;
  /** Names the span as the parent of others, also in other processes. */
  readonly traceparent: string;
  set(attributes: SpanAttributes): void;
  /** Marks the span as failed with this error. */
  fail(thrown: unknown): void;
  /** A span that does not end is not sent. */
  end(): void;
}

const currentSpan = new AsyncLocalStorage<StartedSpan>();

/** Executes `work` in a new span, which ends with it. An error marks the span as failed, and is thrown. */
export async function inSpan<T>(
  tracing: Tracing,
  name: string,
  options: SpanOptions,
  work: (span: StartedSpan) => Promise<T>,
): Promise<T> {
  const span = tracing.start(name, options);
  try {
    return await currentSpan.run(span, () => work(span));
  } catch (thrown) {
    span.fail(thrown);
    throw thrown;
  } finally {
    span.end();
  }
}

/** Executes `work` in a child of the current span. Without a current span, only executes `work`. */
export function inChildSpan<T>(
  name: string,
  options: Omit<SpanOptions, 'parent'>,
  work: (span: StartedSpan | undefined) => Promise<T>,
): Promise<T> {
  const parent = currentSpan.getStore();
  if (parent === undefined) return work(undefined);
  return inSpan(parent.tracing, name, { ...options, parent: parent.traceparent }, work);
}

/** Adds attributes to the current span, if there is one. */
export function describeSpan(attributes: SpanAttributes): void {
  currentSpan.getStore()?.set(attributes);
}

/** Version 00 of a traceparent. https://www.w3.org/TR/trace-context/#traceparent-header */
const TRACEPARENT = /^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/;

export function isTraceparent(text: unknown): text is string {
  return typeof text === 'string' && TRACEPARENT.test(text);
}
