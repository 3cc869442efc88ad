import { isAlreadyCreated } from '#shared/errors/database-failure.ts';
import type { DeadLetter } from '#shared/api/views.ts';
import { asSluiceError, SluiceError } from '#shared/errors/sluice-error.ts';
import { deterministicUuid, type SluiceEvent } from '#shared/events/event.ts';
import { shortErrorBody, httpStatusOf } from '#shared/events/http.ts';
import type { QueueDatabase } from './database.ts';
import type { Executor } from './router-connection.ts';

const TABLE = 'sluice_router.dead_letters';
const CREATE_TABLE = `
  create schema if not exists sluice_router;
  create table if not exists ${TABLE} (
    id uuid primary key,
    function text not null,
    event jsonb not null,
    error jsonb not null,
    attempts int not null,
    failed_at timestamptz not null default now()
  )`;
const COLUMNS = `id, function, event, error, attempts,
  to_char(failed_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as failed_at`;

/**
 * The table of dead letters. A dead-letter queue of pg-boss (12.33) does not fit: `redrive` moves the oldest jobs, not
 * one by its id, and `findJobs` has no order and no limit.
 */
export class DeadLetterStore {
  #database: QueueDatabase;

  constructor(database: QueueDatabase) {
    this.#database = database;
  }

  async open(): Promise<void> {
    await this.#database.executeSql(CREATE_TABLE).catch((thrown: unknown) => {
      if (!isAlreadyCreated(thrown)) throw asSluiceError(thrown);
    });
  }

  /** Adds a dead letter. Has no effect if the job has one already. */
  async add(
    executor: Executor,
    jobId: string,
    letter: Pick<DeadLetter, 'function' | 'event' | 'error' | 'attempts'>,
  ): Promise<void> {
    await executor.executeSql(
      `insert into ${TABLE} (id, function, event, error, attempts)
       values ($1, $2, $3, $4, $5)
       on conflict do nothing`,
      [
        deterministicUuid('dead-letter', jobId),
        letter.function,
        JSON.stringify(letter.event),
        JSON.stringify(letter.error),
        letter.attempts,
      ],
    );
  }

  /** Returns dead letters, newest first. */
  async list(limit: number, offset: number): Promise<DeadLetter[]> {
    const { rows } = await this.#database.durable.executeSql(
      `select ${COLUMNS} from ${TABLE} order by failed_at desc, id limit $1 offset $2`,
      [limit, offset],
    );
    return rows as DeadLetter[];
  }

  /** Returns one dead letter. Throws DEAD_LETTER_NOT_FOUND. */
  async get(id: string): Promise<DeadLetter> {
    const { rows } = await this.#database.durable.executeSql(`select ${COLUMNS} from ${TABLE} where id::text = $1`, [
      id,
    ]);
    return requireRow(rows[0], id);
  }

  /** Deletes a dead letter and returns it. Throws DEAD_LETTER_NOT_FOUND. */
  async remove(executor: Executor, id: string): Promise<DeadLetter> {
    const { rows } = await executor.executeSql(`delete from ${TABLE} where id::text = $1 returning ${COLUMNS}`, [id]);
    return requireRow(rows[0], id);
  }

  async count(): Promise<number> {
    const { rows } = await this.#database.durable.executeSql(`select count(*)::int as count from ${TABLE}`, []);
    return (rows[0] as { count: number }).count;
  }
}

function requireRow(row: unknown, id: string): DeadLetter {
  if (row === undefined)
    throw new SluiceError('DEAD_LETTER_NOT_FOUND', `Dead letter ${id} does not exist.`, { details: { id } });
  return row as DeadLetter;
}

/**
 * The event that the dead-letter sink receives: the original event with the attributes that Knative's sink adds.
 * `knativeerrordata` is the error reply in base64, shortened to Knative's limit.
 */
export function deadLetterEvent(event: SluiceEvent, functionName: string, error: SluiceError): SluiceEvent {
  return {
    ...event,
    knativeerrordest: functionName,
    knativeerrorcode: String(httpStatusOf(error)),
    knativeerrordata: Buffer.from(shortErrorBody(error.toDocument())).toString('base64'),
  };
}
