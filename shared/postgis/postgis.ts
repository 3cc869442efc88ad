import type pg from 'pg';
import type { ClaimRef } from '#shared/contracts/statuses.ts';

/** A claim that opens a session. */
export interface SessionClaim extends ClaimRef {
  /** True after the server process of an earlier session of the run was killed. One such session is open at a time. */
  alone?: boolean;
  /** Name of the server that the run is placed on. Undefined for a run without placement, which uses the first one. */
  server?: string | undefined;
}

/** One server with the working tables of runs. A run's schema is dropped when the run ends. */
export interface PostgisServer {
  /** `host:port/database`, without credentials. */
  readonly name: string;
  /**
   * Opens the session of a claim in the run's schema, and creates the schema when it is missing. Sessions of older
   * claims of the step are ended. The schema stores the newest fencing token of each step, so an older claim cannot
   * open a session again. Aborting `signal` cancels the running statement. Throws CLAIM_STALE, DATABASE_UNAVAILABLE,
   * and STEP_BUSY for `alone` while another such session is open.
   */
  openSession(claim: SessionClaim, signal: AbortSignal): Promise<PostgisSession>;
  /**
   * Opens a session without a run, whose tables are temporary: the server drops them at its end. Aborting `signal`
   * cancels the running statement. Throws DATABASE_UNAVAILABLE.
   */
  openTemporarySession(signal: AbortSignal): Promise<TableSession>;
  /** Drops the schema of a run and ends its sessions. Does nothing when the schema does not exist. */
  dropSchema(runId: string): Promise<void>;
  /** Names of the schemas of runs. */
  listRunSchemas(): Promise<string[]>;
  ping(): Promise<void>;
  /**
   * Opens a connection before the first session needs one, and loads PostGIS and PROJ into it. Rejects when that fails.
   */
  warmUp(): Promise<void>;
  close(): Promise<void>;
}

/** The spatial database: one server, or several. Each run uses one of them (`placement` of the run document). */
export interface Postgis extends Omit<PostgisServer, 'name'> {
  /** The servers in the order of POSTGIS_URL. */
  readonly servers: readonly PostgisServer[];
  /**
   * The name of the server for a run that has no placement: the first one of its ranking that is not known to be down.
   * Undefined with one server, because runs are not placed then.
   */
  chooseServer(runId: string): Promise<string | undefined>;
  /**
   * Opens the session on the server of the claim. Also throws POSTGIS_SERVER_REMOVED when POSTGIS_URL does not contain
   * that server. With several servers, DATABASE_UNAVAILABLE names the server, and `details.session_opened` is false
   * when the session could not be opened, so that nothing was loaded.
   */
  openSession(claim: SessionClaim, signal: AbortSignal): Promise<PostgisSession>;
  /** Drops the schema of a run on one server, by default the first one. */
  dropSchema(runId: string, server?: string): Promise<void>;
  /** Names of the schemas of runs on all servers. Rejects when a server does not respond. */
  listRunSchemas(): Promise<string[]>;
  /** Rejects when no server responds. */
  ping(): Promise<void>;
  /** Opens a connection to each server. Rejects when no server responds. */
  warmUp(): Promise<void>;
}

/** A session that creates tables, either for a run or temporary ones. */
export interface TableSession {
  /** What follows `create` in statements that create a table. Later steps need the tables of a run. */
  tables: 'unlogged' | 'temporary';
  /**
   * Must not be used after `close`, because another session may use the connection then. Its errors are those of `pg`.
   */
  client: pg.Client;
  /**
   * Throws DATABASE_UNAVAILABLE or DISK_FULL for a failure of the server, STATEMENT_TIMEOUT or OUT_OF_MEMORY for a
   * statement that exceeds a limit, and the error of `pg` for another error of the statement.
   */
  query<R extends pg.QueryResultRow = pg.QueryResultRow>(sql: string, values?: unknown[]): Promise<R[]>;
  close(): Promise<void>;
}

/** The session of a claim. */
export interface PostgisSession extends TableSession {
  schema: string;
  /** Connection string of libpq for ogr2ogr and psql, with the same application_name and search_path. */
  connectionString: string;
  /**
   * Throws TABLES_LOST when PostgreSQL crashed while the session was open, after it has recovered. This error replaces
   * the one of the statement, whose reason is the crash. `details.backend_died` is true when the server process of this
   * session was killed or crashed, and false when that of another session was.
   */
  close(): Promise<void>;
}
