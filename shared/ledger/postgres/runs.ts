import { statusesBefore } from '#shared/contracts/statuses.ts';
import { storableJson } from '#shared/text/storable.ts';
import { STEP_FAILED } from '../claim-rules.ts';
import type { RunDocument } from '../documents.ts';
import type { RunQueries } from '../operations/runs.ts';
import type { Database, Statement } from './database.ts';
import { listOf } from './list.ts';
import { jsonb, NOW } from './sql.ts';

const GET: Statement = { name: 'ledger.get-run', text: 'select doc from ledger.runs where run_id = $1' };
const GET_BY_KEY: Statement = { name: 'ledger.run-by-key', text: 'select doc from ledger.runs where run_key = $1' };
const INSERT: Statement = {
  name: 'ledger.insert-run',
  text: 'insert into ledger.runs (doc) values ($1::jsonb) on conflict do nothing returning doc',
};
const END: Statement = {
  name: 'ledger.end-run',
  text: `
    update ledger.runs
    set doc = doc || jsonb_build_object(
      'status', $2::text, 'error', $3::jsonb, 'finished_at', ${NOW}, 'updated_at', ${NOW},
      'steps', (
        select jsonb_agg(
          case when value ->> 'status' = 'running'
            then value || ${jsonb(STEP_FAILED)} || jsonb_build_object(
              'error', coalesce(nullif($3::jsonb, 'null'), value -> 'error'), 'finished_at', ${NOW})
            else value
          end order by ordinality)
        from jsonb_array_elements(doc -> 'steps') with ordinality))
    where run_id = $1 and status = any ($4::text[])
    returning doc`,
};

export function runQueries(database: Database): RunQueries {
  const first = async (statement: Statement, values: unknown[]) =>
    (await database.documents<RunDocument>(statement, values))[0];
  return {
    getRun: (runId) => first(GET, [runId]),
    getRunByKey: (runKey) => first(GET_BY_KEY, [runKey]),
    listRuns({ status, batch_id, dataset_id, archived, limit, offset }) {
      const where = archived === undefined ? undefined : archived ? 'archived' : 'not archived';
      const equal = { status, batch_id, dataset_id };
      const list = listOf('runs', { equal, where, newestBy: 'created_at', limit, offset });
      return database.documents<RunDocument>(list, list.values);
    },
    insertRun: (run) => first(INSERT, [storableJson(run)]),
    endRun: (runId, status, error) => first(END, [runId, status, JSON.stringify(error), statusesBefore(status)]),
  };
}
