import type { GdalHealth } from '#shared/gdal/health.ts';

/** The response of `GET /api/health`. */
export interface HealthDocument {
  /**
   * `ok` if all servers respond, GDAL works in all functions that use it, and the versions fit; `degraded` if only the
   * broker, the queue, or one of several PostGIS servers is down.
   */
  status: 'ok' | 'degraded' | 'down';
  /** `ok` or the error message, for each server. */
  checks: {
    ledger: string;
    store: string;
    postgis: string;
    /** State of the Knative broker. Absent without a broker. */
    broker?: string;
    /** State of the queue. Present only if queue and ledger are on different servers. */
    queue?: string;
    postgis_servers?: Record<string, string>;
  };
  /**
   * By function. Without FUNCTION_URL, all functions use the GDAL of the machine; with a Knative broker it is missing
   * then, because the gateway cannot call the functions.
   */
  gdal?: Record<string, GdalHealth>;
  /** Older gateways do not report it. */
  versions?: VersionsDocument;
}

export interface VersionsDocument {
  gateway: string;
  /** Of the functions at FUNCTION_URL; null if a function does not report its version. */
  functions: Record<string, string | null>;
  /** Which functions do not work with this gateway, and what to do. */
  error?: string;
}
