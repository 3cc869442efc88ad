import { type Context, ROOT_CONTEXT, type Span, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { BatchSpanProcessor, type ReadableSpan, type SpanExporter, TracerProvider } from '@opentelemetry/sdk-trace';
import { SLUICE_VERSION } from '#shared/config/version.ts';
import { asSluiceError } from '#shared/errors/sluice-error.ts';
import type { Logger } from '#shared/log/log.ts';
import { within } from '#shared/signals/promises.ts';
import { reasonOf } from '#shared/text/error-reason.ts';
import { trimEndOf } from '#shared/text/truncate.ts';
import { isTraceparent, type SpanAttributes, type SpanOptions, type StartedSpan, type Tracing } from './tracing.ts';

/** A stop waits no longer for a collector. It is shorter than the time after which a process of functions is killed. */
const CLOSE_MS = 1_000;
const KINDS: Record<NonNullable<SpanOptions['kind']>, SpanKind> = {
  internal: SpanKind.INTERNAL,
  client: SpanKind.CLIENT,
  producer: SpanKind.PRODUCER,
  consumer: SpanKind.CONSUMER,
};

interface Options {
  /** The URL of an OTLP/HTTP collector, without the path of the signal. */
  endpoint: string;
  /** `name=value,name=value`, percent-encoded. */
  headers: string | undefined;
  service: string;
  log: Logger;
}

/**
 * Sends spans in batches to `endpoint`/v1/traces, in protobuf. When a collector does not accept them, they are dropped,
 * and the log gets one warning.
 */
export function createOtlpTracing({ endpoint, headers, service, log }: Options): Tracing {
  const url = `${trimEndOf(endpoint, '/')}/v1/traces`;
  const exporter = withOneWarning(new OTLPTraceExporter({ url, headers: parseHeaders(headers) }), log);
  const provider = new TracerProvider({
    resource: resourceFromAttributes({ 'service.name': service, 'service.version': SLUICE_VERSION }),
    spanProcessors: [new BatchSpanProcessor({ exporter })],
  });
  const tracer = provider.getTracer('sluice', SLUICE_VERSION);
  const tracing: Tracing = {
    start: (name, { parent, kind = 'internal', attributes = {}, startedAt } = {}) => {
      const options = { kind: KINDS[kind], ...(startedAt && { startTime: startedAt }) };
      const span = new OtlpSpan(tracing, tracer.startSpan(name, options, contextOf(parent)));
      span.set(attributes);
      return span;
    },
    close: async () => {
      await within(
        provider.shutdown().catch(() => undefined), // The exporter has logged it.
        CLOSE_MS,
      );
    },
  };
  return tracing;
}

class OtlpSpan implements StartedSpan {
  readonly tracing: Tracing;
  readonly #span: Span;

  constructor(tracing: Tracing, span: Span) {
    this.tracing = tracing;
    this.#span = span;
  }

  get traceparent(): string {
    const { traceId, spanId, traceFlags } = this.#span.spanContext();
    return `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, '0')}`;
  }

  set(attributes: SpanAttributes): void {
    for (const [name, value] of Object.entries(attributes))
      if (value !== undefined) this.#span.setAttribute(name, value);
  }

  fail(thrown: unknown): void {
    const { code, message } = asSluiceError(thrown);
    this.#span.setAttribute('error.type', code);
    this.#span.setStatus({ code: SpanStatusCode.ERROR, message });
  }

  end(): void {
    this.#span.end();
  }
}

/** A context with the parent. A parent that is not valid is ignored. */
function contextOf(parent: string | undefined): Context {
  if (!isTraceparent(parent)) return ROOT_CONTEXT;
  const [, traceId = '', spanId = '', flags = ''] = parent.split('-');
  const spanContext = { traceId, spanId, traceFlags: Number.parseInt(flags, 16), isRemote: true };
  return trace.setSpanContext(ROOT_CONTEXT, spanContext);
}

/** https://opentelemetry.io/docs/specs/otel/protocol/exporter/#specifying-headers-via-environment-variables */
function parseHeaders(headers = ''): Record<string, string> {
  const pairs = headers.split(',').filter((pair) => pair.includes('='));
  return Object.fromEntries(
    pairs.map((pair) => {
      const [name = '', ...value] = pair.split('=');
      return [name.trim(), decodeURIComponent(value.join('=').trim())];
    }),
  );
}

/** The exporter, which logs its first failure, and the first one after a success. */
function withOneWarning(exporter: SpanExporter, log: Logger): SpanExporter {
  let failed = false;
  return {
    export: (spans: ReadableSpan[], done) =>
      exporter.export(spans, (result) => {
        if (result.error !== undefined && !failed)
          log.warn({ spans: spans.length, reason: reasonOf(result.error) }, 'Trace:Export:Failed');
        failed = result.error !== undefined;
        done(result);
      }),
    shutdown: () => exporter.shutdown(),
    forceFlush: async () => exporter.forceFlush?.(),
  };
}
