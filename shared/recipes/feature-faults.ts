import format from 'pg-format';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { reasonOf } from '#shared/text/reason.ts';
import type { PostgisSession } from '#shared/postgis/postgis.ts';
import type { FaultQuery, RecipeStep, TableFacts } from './step.ts';

/** So many features are named; a person corrects the source, not one feature after the other. */
const MAX_NAMED = 5;
/** SQLSTATE classes of failures that data cause: PostGIS's own (XX000, internal) and data exceptions. */
const DATA_FAILURE = /^(XX000|22)/;
/** A setting of the session: a DO block answers nothing by itself. */
const ANSWER = 'sluice.faults';

interface Fault {
  feature: string | number;
  reason: string;
}

/** Throws the code of the query when it finds features. */
export async function checkFaults(session: PostgisSession, query: FaultQuery): Promise<void> {
  const faults = await session.query<Fault & Record<string, unknown>>(
    `select * from (${query.sql}) as faults order by feature limit ${MAX_NAMED}`,
  );
  if (faults.length > 0) throw blame(query, faults);
}

/**
 * The error of a statement that failed on the data: tries the step's expression on each feature by itself and names those that fail.
 * Slow, and only done after a failure. Anything else (a cancel, a lost connection) comes back as it is.
 */
export async function explainFailure(
  session: PostgisSession,
  step: RecipeStep,
  input: string,
  facts: TableFacts,
  thrown: unknown,
  signal: AbortSignal,
): Promise<unknown> {
  const { code } = thrown as { code?: string };
  if (signal.aborted || step.failure === undefined || !DATA_FAILURE.test(code ?? '')) return thrown;
  const faults =
    step.expression === undefined ? [] : await attempt(session, step.expression(facts), input, facts.keyColumn);
  if (faults.length > 0) return blame(step.failure, faults, thrown);
  return new SluiceError(step.failure.code, `${step.name}: a feature ${step.failure.says}: ${reasonOf(thrown)}.`, {
    details: { step: step.name },
    cause: thrown,
  });
}

/** The features on which the expression fails, the first ones, and what PostgreSQL says of each. */
async function attempt(
  session: PostgisSession,
  expression: string,
  input: string,
  keyColumn: string,
): Promise<Fault[]> {
  await session.query(attemptBlock(expression, input, keyColumn));
  const [answer] = await session.query<{ faults: string }>('select current_setting($1) as faults', [ANSWER]);
  return JSON.parse(answer?.faults ?? '[]') as Fault[];
}

/** A DO block, with its text as a literal: a column may be called anything, the end of a dollar quote too. */
function attemptBlock(expression: string, input: string, keyColumn: string): string {
  const body = format(
    `declare t record; faults jsonb := '[]';
    begin
      for t in select * from %1$I order by %2$I loop
        begin perform %3$s;
        exception when internal_error or data_exception then faults := faults || jsonb_build_object('feature', t.%2$I, 'reason', sqlerrm); end;
        exit when jsonb_array_length(faults) = %4$s;
      end loop;
      perform set_config(%5$L, faults::text, false);
    end`,
    input,
    keyColumn,
    expression,
    MAX_NAMED,
    ANSWER,
  );
  return format('do %L', body);
}

function blame(query: Pick<FaultQuery, 'code' | 'says'>, faults: Fault[], cause?: unknown): SluiceError {
  const features = faults.map(({ feature, reason }) => ({ feature: Number(feature), reason }));
  const [first] = features;
  const others =
    features.length > 1
      ? ` (and ${features
          .slice(1)
          .map((each) => each.feature)
          .join(', ')}${features.length === MAX_NAMED ? ', …' : ''})`
      : '';
  return new SluiceError(
    query.code,
    `Feature ${first?.feature}${others}, counted from 1, ${query.says}: ${reasonOf(first?.reason)}.`,
    { details: { features }, cause },
  );
}
