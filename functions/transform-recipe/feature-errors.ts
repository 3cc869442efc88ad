import format from 'pg-format';
import { isOutOfMemory } from '#shared/errors/database-failure.ts';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import type { PostgisSession } from '#shared/postgis/postgis.ts';
import { KEY_COLUMN, RAW_TABLE } from '#shared/postgis/run-schema.ts';
import type { FeatureCheck, FeatureFailure, RecipeStep, StepContext } from '#shared/recipes/recipe-step.ts';
import { reasonOf } from '#shared/text/error-reason.ts';

/** Features that an error names. More are of no use, because the source is corrected as a whole. */
const MAX_FEATURES = 5;
/** The error of a feature that alone exceeds the memory of a PostgreSQL process. */
const TOO_LARGE: FeatureFailure = {
  code: 'GEOMETRY_TOO_COMPLEX',
  predicate: 'needs more memory than PostgreSQL may use',
};
/** SQLSTATEs of errors that data cause: internal errors, which PostGIS raises, and data exceptions. */
const DATA_ERROR = /^(XX000|22)/;
/** Errors of a statement that exceeded a limit. The session can execute others. */
const LIMIT_ERRORS: readonly string[] = ['STATEMENT_TIMEOUT', 'OUT_OF_MEMORY'];
/** A setting of the session that holds the result of a DO block, because a DO block cannot return one. */
const RESULT_SETTING = 'sluice.failing_features';

interface FailingFeature {
  feature: string | number;
  reason: string;
}

/** Throws the error of the check when its query finds features. */
export async function runCheck(session: PostgisSession, check: FeatureCheck): Promise<void> {
  const features = await session.query<FailingFeature & Record<string, unknown>>(
    `select * from (${check.sql}) as failing order by feature limit ${MAX_FEATURES}`,
  );
  if (features.length > 0) throw featureError(check, features);
}

/** Whether PostgisSession.query threw because of the data or a limit, not because of the server or the connection. */
export function isFailureOfStatement(thrown: unknown): boolean {
  const { code = '' } = thrown as { code?: string };
  return LIMIT_ERRORS.includes(code) || DATA_ERROR.test(code);
}

/**
 * The error of a statement that failed on the data. Evaluates the step's expression for each feature and names the
 * features on which it fails; this is slow, and done after a failure only. Returns all other errors (a cancellation, a
 * lost connection) unchanged.
 */
export async function explainFailure(
  session: PostgisSession,
  step: RecipeStep,
  input: string,
  context: StepContext,
  thrown: unknown,
  signal: AbortSignal,
): Promise<unknown> {
  const { code } = thrown as { code?: string };
  const outOfMemory = isOutOfMemory(thrown);
  if (signal.aborted || step.failure === undefined || !(outOfMemory || DATA_ERROR.test(code ?? ''))) return thrown;
  const features =
    step.expression === undefined
      ? []
      : await findFailingFeatures(session, step.expression(context), input, context.keyColumn);
  if (features.length > 0) return featureError(outOfMemory ? TOO_LARGE : step.failure, features, thrown);
  if (outOfMemory) return thrown;
  return new SluiceError(step.failure.code, `${step.name}: a feature ${step.failure.predicate}: ${reasonOf(thrown)}.`, {
    details: { step: step.name },
    cause: thrown,
  });
}

/** The first features on which the expression fails, with PostgreSQL's messages. */
async function findFailingFeatures(
  session: PostgisSession,
  expression: string,
  input: string,
  keyColumn: string,
): Promise<FailingFeature[]> {
  await session.query(evaluationBlock(expression, input, keyColumn));
  const [row] = await session.query<{ features: string }>('select current_setting($1) as features', [RESULT_SETTING]);
  return JSON.parse(row?.features ?? '[]') as FailingFeature[];
}

/** A DO block. Its body is a string literal, because a column name could contain the end of a dollar quote. */
function evaluationBlock(expression: string, input: string, keyColumn: string): string {
  const body = format(
    `declare t record; failing jsonb := '[]';
    begin
      for t in select * from %1$I order by %2$I loop
        begin perform %3$s;
        exception when internal_error or data_exception or out_of_memory then
          failing := failing || jsonb_build_object('feature', t.%2$I, 'reason', sqlerrm);
        end;
        exit when jsonb_array_length(failing) = %4$s;
      end loop;
      perform set_config(%5$L, failing::text, false);
    end`,
    input,
    keyColumn,
    expression,
    MAX_FEATURES,
    RESULT_SETTING,
  );
  return format('do %L', body);
}

function featureError({ code, predicate }: FeatureFailure, failing: FailingFeature[], cause?: unknown): SluiceError {
  const features = failing.map(({ feature, reason }) => ({ feature: Number(feature), reason }));
  const [first, ...others] = features;
  const more = others.map(({ feature }) => feature).join(', ') + (features.length === MAX_FEATURES ? ', …' : '');
  return new SluiceError(
    code,
    `Feature ${first?.feature}${others.length > 0 ? ` (and ${more})` : ''}, counted from 1, ` +
      `${predicate}: ${reasonOf(first?.reason)}.`,
    { details: { features }, cause },
  );
}

/** The feature of raw_data with the most vertices. */
export interface LargestFeature {
  feature: number;
  vertices: number;
}

/** For a run whose server process was killed before: the feature that probably needs the most memory. */
export async function findLargestFeature(
  session: PostgisSession,
  geometryColumn: string,
): Promise<LargestFeature | undefined> {
  const [largest] = await session.query<LargestFeature & Record<string, unknown>>(
    format(
      `select %I::float8 as feature, ST_NPoints(%I)::float8 as vertices from %I order by 2 desc nulls last, 1 limit 1`,
      KEY_COLUMN,
      geometryColumn,
      RAW_TABLE,
    ),
  );
  return largest;
}

/** Adds the feature to the error of a session whose server process was killed (PostgisSession.close). */
export function nameLargestFeature(thrown: unknown, largest: LargestFeature | undefined): unknown {
  if (largest === undefined || !(thrown instanceof SluiceError) || thrown.details.backend_died !== true) return thrown;
  return new SluiceError(thrown.code, thrown.message, {
    details: { ...thrown.details, features: [largest] },
    cause: thrown,
  });
}
