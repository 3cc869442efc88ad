import format from 'pg-format';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import type { PostgisSession } from '#shared/postgis/postgis.ts';
import type { FaultQuery, RecipeStep, TableFacts } from './step.ts';

/** So many features are named; a person corrects the source, not one feature after the other. */
const MAX_NAMED = 5;
/** SQLSTATE classes of failures that data cause: PostGIS's own (XX000, internal) and data exceptions. */
const DATA_FAILURE = /^(XX000|22)/;

interface Fault {
  feature: string | number;
  reason: string;
}

/** Throws the code of the query when it finds features. */
export async function checkFaults(session: PostgisSession, query: FaultQuery): Promise<void> {
  const faults = await session.query<Fault & Record<string, unknown>>(`select * from (${query.sql}) as faults order by feature limit ${MAX_NAMED}`);
  if (faults.length > 0) throw blame(query, faults);
}

/**
 * The error of a statement that failed on the data: tries the step's expression on each feature by itself and names those that fail.
 * Slow, and only done after a failure. Anything else (a cancel, a lost connection) comes back as it is.
 */
export async function explainFailure(session: PostgisSession, step: RecipeStep, input: string, facts: TableFacts, thrown: unknown, signal: AbortSignal): Promise<unknown> {
  const { code } = thrown as { code?: string };
  if (signal.aborted || step.expression === undefined || step.failure === undefined || !DATA_FAILURE.test(code ?? '')) return thrown;
  await session.query(attemptFunction(step.expression('feature', facts)));
  const faults = await session.query<Fault & Record<string, unknown>>(
    format(
      'select * from (select %I as feature, pg_temp.sluice_attempt(%I) as reason from %I offset 0) as tried where reason is not null limit %s',
      facts.keyColumn, facts.geometryColumn, input, MAX_NAMED,
    ),
  );
  return faults.length > 0 ? blame(step.failure, faults, thrown) : thrown;
}

/** A function of this session that tries an expression and answers what it says when it fails. */
function attemptFunction(expression: string): string {
  return `create or replace function pg_temp.sluice_attempt(feature geometry) returns text language plpgsql as $attempt$
    begin perform ${expression}; return null; exception when internal_error or data_exception then return sqlerrm; end $attempt$`;
}

function blame(query: Pick<FaultQuery, 'code' | 'says'>, faults: Fault[], cause?: unknown): SluiceError {
  const features = faults.map(({ feature, reason }) => ({ feature: Number(feature), reason }));
  const [first] = features;
  const others = features.length > 1 ? ` (and ${features.slice(1).map((each) => each.feature).join(', ')}${features.length === MAX_NAMED ? ', …' : ''})` : '';
  return new SluiceError(query.code, `Feature ${first?.feature}${others}, counted from 1, ${query.says}: ${first?.reason}.`, { details: { features }, cause });
}
