import { SluiceError } from '#shared/errors/sluice-error.ts';
import { isAllowed } from '#shared/contracts/statuses.ts';
import { type RunDocument, RunDocumentSchema } from '../documents.ts';
import type { Ledger, RunFilter } from '../ledger.ts';
import { parseDocument } from '../parse-document.ts';
import { storableJson, storableValue } from '#shared/text/storable.ts';
import { iso } from './claims.ts';
import type { Database, Statement } from './database.ts';
import { listOf } from './list.ts';
import type { RunAnnouncer } from './run-announcer.ts';

export const GET_RUN: Statement = { name: 'ledger.get-run', text: 'select doc from ledger.runs where run_id = $1' };

const INSERT_RERUN: Statement = {
  name: 'ledger.insert-rerun',
  text: 'insert into ledger.runs (doc) values ($1::jsonb) on conflict do nothing returning doc',
};
const GET_BY_KEY: Statement = { name: 'ledger.run-by-key', text: 'select doc from ledger.runs where run_key = $1' };
const NOW = iso('clock_timestamp()');

/** Steps under way become failed, so that their claims are stale whatever the run's status says. */
const END_RUN: Statement = {
  name: 'ledger.end-run',
  text: `
    update ledger.runs
    set doc = doc || jsonb_build_object('status', $2::text, 'error', $3::jsonb, 'finished_at', ${NOW}, 'updated_at', ${NOW}, 'steps', (
      select jsonb_agg(
        case when value ->> 'status' = 'running'
          then value || jsonb_build_object('status', 'failed', 'error', coalesce(nullif($3::jsonb, 'null'), value -> 'error'), 'owner', null, 'lease_until', null, 'finished_at', ${NOW})
          else value
        end order by ordinality)
      from jsonb_array_elements(doc -> 'steps') with ordinality))
    where run_id = $1 and status = any ($4::text[])
    returning doc`,
};

export function runOperations(
  database: Database,
  runs: RunAnnouncer,
): Pick<Ledger, 'getRun' | 'listRuns' | 'insertRerun' | 'endRun'> {
  const getRun = async (runId: string) => (await database.documents<RunDocument>(GET_RUN, [runId]))[0];
  return {
    getRun,
    listRuns(filter: RunFilter = {}) {
      const { status, batch_id, dataset_id, archived, limit, offset } = filter;
      const where = archived === undefined ? undefined : archived ? 'archived' : 'not archived';
      const list = listOf('runs', {
        equal: { status, batch_id, dataset_id },
        where,
        newestBy: 'created_at',
        limit,
        offset,
      });
      return database.documents<RunDocument>(list, list.values);
    },
    async insertRerun(run) {
      const [inserted] = await database.documents<RunDocument>(INSERT_RERUN, [
        storableJson(parseDocument(RunDocumentSchema, 'runs', run)),
      ]);
      if (inserted !== undefined) {
        runs.announce(run.run_id, run.status);
        return { inserted: true, run: inserted };
      }
      const [stored] = await database.documents<RunDocument>(GET_BY_KEY, [run.run_key]);
      if (stored !== undefined) return { inserted: false, run: stored };
      throw new SluiceError('INTERNAL', `Run ${run.run_id} has the id of a run with another key than ${run.run_key}.`, {
        details: { run_id: run.run_id, run_key: run.run_key },
      });
    },
    async endRun(runId, status, error) {
      const from = (['running', 'success', 'failure', 'canceled'] as const).filter((before) =>
        isAllowed(before, status),
      );
      const kept = error === null ? null : JSON.stringify(storableValue(error));
      const [ended] = await database.documents<RunDocument>(END_RUN, [runId, status, kept ?? 'null', from]);
      if (ended !== undefined) {
        runs.announce(runId, status);
        return { changed: true, run: ended };
      }
      const run = await getRun(runId);
      if (run === undefined)
        throw new SluiceError('RUN_NOT_FOUND', `There is no run ${runId}.`, { details: { run_id: runId } });
      if (run.status === status) return { changed: false, run };
      throw new SluiceError('TRANSITION_ILLEGAL', `Run ${runId} is ${run.status} and cannot become ${status}.`, {
        details: { run_id: runId, from: run.status, to: status },
      });
    },
  };
}
