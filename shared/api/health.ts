import type { GdalHealth } from '#shared/gdal/health.ts';

/** The response of `GET /api/health`. */
export interface HealthDocument {
  /**
   * `ok` if all servers respond and GDAL works in all functions that use it; `degraded` if only one of several PostGIS
   * servers is down.
   */
  status: 'ok' | 'degraded' | 'down';
  /** `ok` or the error message, for each server. */
  checks: { ledger: string; store: string; postgis: string; postgis_servers?: Record<string, string> };
  /** By function. Without FUNCTION_URL, all functions use the GDAL of the machine. */
  gdal: Record<string, GdalHealth>;
}
