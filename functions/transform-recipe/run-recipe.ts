import type { QueryResult } from 'pg';
import format from 'pg-format';
import type { Note } from '#shared/contracts/shared-schemas.ts';
import { statementFailure } from '#shared/errors/database-failure.ts';
import type { PostgisSession } from '#shared/postgis/postgis.ts';
import { PROCESSED_TABLE, RAW_TABLE } from '#shared/postgis/run-schema.ts';
import { checkGeometryContract, readColumns } from '#shared/postgis/table-checks.ts';
import {
  type ChangeCounts,
  GEOMETRY_COUNTS,
  type RecipeStep,
  type SqlStep,
  type StepContext,
  type StepTables,
} from '#shared/recipes/recipe-step.ts';
import { planRecipe, type PlannedStep } from '#shared/recipes/registry.ts';
import { reasonOf } from '#shared/text/error-reason.ts';
import { inChildSpan } from '#shared/tracing/tracing.ts';
import { explainFailure, isFailureOfStatement, runCheck } from './feature-errors.ts';

/**
 * The record of a step. `output` is its input when it had nothing to do; `row_count` is null when it wrote no table.
 */
export interface StepRecord {
  step: string;
  output: string;
  seconds: number;
  row_count: number | null;
}

export interface RecipeResult {
  steps: StepRecord[];
  counts: ChangeCounts;
  notes: Note[];
}

/** SQL that drops the tables of an earlier attempt. raw_data is kept. */
export function dropOutputs(steps: readonly RecipeStep[]): string {
  const tables = steps.flatMap((_, position) => {
    const { output, findings } = tablesOf(position, '');
    return [output, findings];
  });
  return format('drop table if exists %I', [PROCESSED_TABLE, ...tables]);
}

/**
 * Runs the steps: raw_data -> step_0 -> step_1 -> … -> processed. The last table that a step writes is renamed to
 * `processed`; the others are kept until the schema is dropped. A step that has nothing to do writes no table.
 * `rowCount` is that of raw_data. Checks the parameters of all steps before the first statement, and the geometry
 * contract of each table. Throws RECIPE_INVALID, GEOMETRY_CONTRACT, and CRS_TRANSFORM_FAILED, GEOMETRY_INVALID or
 * CAST_FAILED, which name the failing features.
 */
export async function runRecipe(
  session: PostgisSession,
  steps: readonly RecipeStep[],
  context: StepContext,
  rowCount: number,
  signal: AbortSignal,
): Promise<RecipeResult> {
  const result: RecipeResult = {
    steps: [],
    counts: { repaired_geometries: 0, split_geometries: 0, simplified_geometries: 0, removed_vertices: 0 },
    notes: [],
  };
  let table = RAW_TABLE;
  let rows = rowCount;
  for (const [position, planned] of planRecipe(steps, context).entries()) {
    const { step } = planned;
    const started = performance.now();
    if (!step.createsTable) table = await createProcessed(session, table, result);
    const tables = tablesOf(position, table);
    const outcome = await inChildSpan(step.name, { attributes: { 'db.system.name': 'postgresql' } }, async (span) => {
      const done = await runStep(session, planned, tables, signal);
      span?.set({ 'sluice.row_count': done.rows });
      return done;
    });
    const wroteTable = outcome.executed && step.createsTable;
    if (wroteTable) {
      const { summary, changed, failure } = outcome;
      result.notes.push(
        ...[step.note?.({ before: rows, after: outcome.rows, changed, summary, failure }) ?? []].flat(),
      );
      for (const name of GEOMETRY_COUNTS) result.counts[name] += summary[name] ?? 0;
      table = tables.output;
      rows = outcome.rows;
      checkGeometryContract(table, await readColumns(session, table), context.geometryColumn);
    }
    result.counts.repaired_geometries += outcome.repaired;
    result.steps.push({
      step: step.name,
      output: table,
      seconds: (performance.now() - started) / 1000,
      row_count: wroteTable ? rows : null,
    });
  }
  await createProcessed(session, table, result);
  return result;
}

/** The tables of the step at `position`. */
function tablesOf(position: number, input: string): StepTables {
  return { input, output: `step_${position}`, findings: `step_${position}_findings` };
}

interface StepOutcome {
  /** False when the step had nothing to do. */
  executed: boolean;
  /** Rows of the table that the step wrote. */
  rows: number;
  repaired: number;
  changed: number;
  summary: Record<string, number | null>;
  /** Why `summary` is that of summaryAfterFailure. */
  failure: string | undefined;
}

async function runStep(
  session: PostgisSession,
  { step, context }: PlannedStep,
  tables: StepTables,
  signal: AbortSignal,
): Promise<StepOutcome> {
  const statements = step.plan(tables, context);
  const executed = statements.length > 0;
  const outcome: StepOutcome = { executed, rows: 0, repaired: 0, changed: 0, summary: {}, failure: undefined };
  for (const statement of statements) {
    for (const check of statement.checksBefore ?? []) await runCheck(session, check);
    const rows = await execute(session, step, statement, tables, context, signal);
    if (!statement.auxiliary) outcome.rows = rows;
    if (statement.counts === 'repaired_geometries') outcome.repaired += rows;
    if (statement.counts === 'changed_features') outcome.changed += rows;
    if (statement.stopWhenEmpty && rows === 0) return { ...outcome, executed: false };
    for (const check of statement.checks ?? []) await runCheck(session, check);
    if (statement.endWhenEmpty && rows === 0) break;
  }
  if (!outcome.executed) return outcome;
  for (const check of step.checks?.(tables, context) ?? []) await runCheck(session, check);
  return { ...outcome, ...(await summarize(session, step, tables, context, signal)) };
}

async function summarize(
  session: PostgisSession,
  step: RecipeStep,
  tables: StepTables,
  context: StepContext,
  signal: AbortSignal,
): Promise<Pick<StepOutcome, 'summary' | 'failure'>> {
  const run = async (sql = '') => (sql === '' ? {} : ((await session.query<StepOutcome['summary']>(sql))[0] ?? {}));
  try {
    return { summary: await run(step.summary?.(tables, context)), failure: undefined };
  } catch (thrown) {
    if (signal.aborted || step.summaryAfterFailure === undefined || !isFailureOfStatement(thrown)) throw thrown;
    return { summary: await run(step.summaryAfterFailure(tables, context)), failure: reasonOf(thrown) };
  }
}

async function execute(
  session: PostgisSession,
  step: RecipeStep,
  statement: SqlStep,
  tables: StepTables,
  context: StepContext,
  signal: AbortSignal,
): Promise<number> {
  signal.throwIfAborted();
  try {
    const { rowCount }: QueryResult = await session.client.query(statement.sql);
    return rowCount ?? 0;
  } catch (thrown) {
    const explained = await explainFailure(session, step, tables.input, context, thrown, signal);
    throw statementFailure(explained) ?? explained;
  }
}

/**
 * Renames the last table to `processed` and returns this name. raw_data is copied instead, because a repeated attempt
 * needs it.
 */
async function createProcessed(session: PostgisSession, table: string, result: RecipeResult): Promise<string> {
  if (table === PROCESSED_TABLE) return table;
  await session.query(
    table === RAW_TABLE
      ? format('create unlogged table %I as table %I', PROCESSED_TABLE, table)
      : format('alter table %I rename to %I', table, PROCESSED_TABLE),
  );
  for (const step of result.steps) if (step.output === table && table !== RAW_TABLE) step.output = PROCESSED_TABLE;
  return PROCESSED_TABLE;
}
