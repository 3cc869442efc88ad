import { asSluiceError, type ErrorDocument } from '#shared/errors/sluice-error.ts';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { deterministicUuid, type SluiceEvent } from '#shared/events/event.ts';
import type { DeadLetter } from './dead-letter-event.ts';
import type { Executor, QueueDatabase } from './database.ts';

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
const COLUMNS = `id, function, event, error, attempts, to_char(failed_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as failed_at`;
/** Two processes that create the same schema at once: one fails with one of these, and finds it there. */
const CREATED_BY_ANOTHER = new Set(['23505', '42P06', '42P07']);

/** The list of dead letters: each stays until a person re-drives or discards it. */
export class DeadLetters {
  #database: QueueDatabase;

  constructor(database: QueueDatabase) {
    this.#database = database;
  }

  async open(): Promise<void> {
    await this.#database.executeSql(CREATE_TABLE).catch((thrown: unknown) => {
      if (!CREATED_BY_ANOTHER.has((thrown as { code?: string }).code ?? '')) throw asSluiceError(thrown);
    });
  }

  /** Adds one; a repeat for the same job changes nothing. */
  async add(
    executor: Executor,
    jobId: string,
    letter: { function: string; event: SluiceEvent; error: ErrorDocument; attempts: number },
  ): Promise<void> {
    await executor.executeSql(
      `insert into ${TABLE} (id, function, event, error, attempts) values ($1, $2, $3, $4, $5) on conflict do nothing`,
      [
        deterministicUuid('dead-letter', jobId),
        letter.function,
        JSON.stringify(letter.event),
        JSON.stringify(letter.error),
        letter.attempts,
      ],
    );
  }

  /** Newest first. */
  async list(limit: number, offset: number): Promise<DeadLetter[]> {
    const { rows } = await this.#database.durable.executeSql(
      `select ${COLUMNS} from ${TABLE} order by failed_at desc, id limit $1 offset $2`,
      [limit, offset],
    );
    return rows as DeadLetter[];
  }

  /** Throws DEAD_LETTER_NOT_FOUND. */
  async get(id: string): Promise<DeadLetter> {
    const { rows } = await this.#database.durable.executeSql(`select ${COLUMNS} from ${TABLE} where id::text = $1`, [
      id,
    ]);
    return found(rows[0], id);
  }

  /** Takes one off the list. Throws DEAD_LETTER_NOT_FOUND. */
  async remove(executor: Executor, id: string): Promise<DeadLetter> {
    const { rows } = await executor.executeSql(`delete from ${TABLE} where id::text = $1 returning ${COLUMNS}`, [id]);
    return found(rows[0], id);
  }

  async count(): Promise<number> {
    const { rows } = await this.#database.durable.executeSql(`select count(*)::int as count from ${TABLE} where $1`, [
      true,
    ]);
    return (rows[0] as { count: number }).count;
  }
}

function found(row: unknown, id: string): DeadLetter {
  if (row === undefined)
    throw new SluiceError(
      'DEAD_LETTER_NOT_FOUND',
      `There is no dead letter ${id}; it may have been re-driven or discarded already.`,
      { details: { id } },
    );
  return row as DeadLetter;
}
