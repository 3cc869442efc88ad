import type { Env } from '#shared/config/env.ts';
import type { Logger } from '#shared/log/log.ts';
import type { Tracing } from './tracing.ts';

/** The variables that switch traces on. */
export type TracingEnv = Pick<Env, 'OTEL_EXPORTER_OTLP_ENDPOINT' | 'OTEL_EXPORTER_OTLP_HEADERS'>;

/**
 * Starts the export of spans. `service` is the name of this process in the traces. Undefined without an endpoint: the
 * packages of OpenTelemetry are imported only with one, because they take memory and time at the start.
 */
export async function openTracing(env: TracingEnv, service: string, log: Logger): Promise<Tracing | undefined> {
  const endpoint = env.OTEL_EXPORTER_OTLP_ENDPOINT;
  if (endpoint === undefined) return undefined;
  const { createOtlpTracing } = await import('./otlp-tracing.ts');
  return createOtlpTracing({ endpoint, headers: env.OTEL_EXPORTER_OTLP_HEADERS, service, log });
}
