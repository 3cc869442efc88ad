import type { QueryResult } from 'pg';
import format from 'pg-format';
import { readColumns } from '#shared/postgis/table-columns.ts';
import type { Note } from '#shared/contracts/facts.ts';
import type { PostgisSession } from '#shared/postgis/postgis.ts';
import { PROCESSED_TABLE, RAW_TABLE } from '#shared/postgis/run-schema.ts';
import { checkGeometryContract } from '#shared/postgis/table-checks.ts';
import { checkFaults, explainFailure } from './feature-faults.ts';
import { planRecipe, type PlannedStep } from './plan-recipe.ts';
import type { RecipeStep, SqlStep, StepTables, TableFacts } from './step.ts';

/** What a step did. `output` is its input when it had nothing to do; `row_count` is null when it wrote no table. */
export interface StepRecord {
  step: string;
  output: string;
  seconds: number;
  row_count: number | null;
}

export interface RecipeResult {
  steps: StepRecord[];
  repaired_geometries: number;
  /** What the steps did to the features that a person should know. */
  notes: Note[];
}

/** The tables of the step at `position`: its input is what the steps before it left. */
function tablesOf(position: number, input: string): StepTables {
  return { input, output: `step_${position}`, findings: `step_${position}_findings` };
}

/** Drops what an earlier try of these steps left; raw_data stays. */
export function dropOutputs(steps: readonly RecipeStep[]): string {
  const own = steps.flatMap((_, position) => [tablesOf(position, '').output, tablesOf(position, '').findings]);
  return format('drop table if exists %I', [PROCESSED_TABLE, ...own]);
}

/**
 * Runs the steps: raw_data -> step_0 -> step_1 -> … -> processed. The table that the last writing step made is renamed to
 * `processed`; the others stay until the schema is dropped. A step that has nothing to do writes none. `rowCount` is that of raw_data.
 * Checks the parameters of all steps first, and the geometry contract of each table. Throws RECIPE_INVALID, GEOMETRY_CONTRACT, and
 * CRS_TRANSFORM_FAILED, GEOMETRY_INVALID or CAST_FAILED with the features to blame.
 */
export async function runRecipe(
  session: PostgisSession,
  steps: readonly RecipeStep[],
  facts: TableFacts,
  rowCount: number,
  signal: AbortSignal,
): Promise<RecipeResult> {
  const result: RecipeResult = { steps: [], repaired_geometries: 0, notes: [] };
  let table = RAW_TABLE;
  let rows = rowCount;
  for (const [position, planned] of planRecipe(steps, facts).entries()) {
    const { step } = planned;
    const started = performance.now();
    if (!step.createsTable) table = await settle(session, table, result);
    const tables = tablesOf(position, table);
    const done = await runStep(session, planned, tables, signal);
    const wrote = done.wrote && step.createsTable;
    const note = wrote ? step.note?.({ before: rows, after: done.rows, changed: done.changed }) : undefined;
    if (wrote) {
      table = tables.output;
      rows = done.rows;
      checkGeometryContract(table, await readColumns(session, table), facts.geometryColumn);
    }
    if (note !== undefined) result.notes.push(note);
    result.repaired_geometries += done.repaired;
    result.steps.push({
      step: step.name,
      output: table,
      seconds: (performance.now() - started) / 1000,
      row_count: wrote ? done.rows : null,
    });
  }
  await settle(session, table, result);
  return result;
}

interface Done {
  wrote: boolean;
  /** Rows of the last statement. */
  rows: number;
  repaired: number;
  changed: number;
}

async function runStep(
  session: PostgisSession,
  { step, facts }: PlannedStep,
  tables: StepTables,
  signal: AbortSignal,
): Promise<Done> {
  const statements = step.plan(tables, facts);
  const done: Done = { wrote: false, rows: 0, repaired: 0, changed: 0 };
  for (const statement of statements) {
    done.rows = await execute(session, step, statement, tables, facts, signal);
    if (statement.counts === 'repaired_geometries') done.repaired += done.rows;
    if (statement.counts === 'changed_features') done.changed += done.rows;
    if (statement.stopWhenEmpty && done.rows === 0) return done;
  }
  if (statements.length > 0) for (const fault of step.faults?.(tables, facts) ?? []) await checkFaults(session, fault);
  return { ...done, wrote: statements.length > 0 };
}

async function execute(
  session: PostgisSession,
  step: RecipeStep,
  statement: SqlStep,
  tables: StepTables,
  facts: TableFacts,
  signal: AbortSignal,
): Promise<number> {
  signal.throwIfAborted();
  try {
    const { rowCount }: QueryResult = await session.client.query(statement.sql);
    return rowCount ?? 0;
  } catch (thrown) {
    throw await explainFailure(session, step, tables.input, facts, thrown, signal);
  }
}

/** Makes `processed` of the table that the chain ends with; a copy when that is still raw_data, which a repeat needs. */
async function settle(session: PostgisSession, table: string, result: RecipeResult): Promise<string> {
  if (table === PROCESSED_TABLE) return table;
  await session.query(
    table === RAW_TABLE
      ? format('create unlogged table %I as table %I', PROCESSED_TABLE, table)
      : format('alter table %I rename to %I', table, PROCESSED_TABLE),
  );
  for (const step of result.steps) if (step.output === table && table !== RAW_TABLE) step.output = PROCESSED_TABLE;
  return PROCESSED_TABLE;
}
