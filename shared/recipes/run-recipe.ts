import type { QueryResult } from 'pg';
import format from 'pg-format';
import { checkGeometryContract } from '#shared/postgis/geometry-contract.ts';
import type { PostgisSession } from '#shared/postgis/postgis.ts';
import { readColumns } from '#shared/postgis/table-columns.ts';
import { PROCESSED_TABLE, RAW_TABLE } from '#shared/postgis/tables.ts';
import { checkFaults, explainFailure } from './feature-faults.ts';
import type { Recipe } from './registry.ts';
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
}

/** The tables of the step at `position`: its input is what the steps before it left. */
function tablesOf(position: number, input: string): StepTables {
  return { input, output: `step_${position}`, findings: `step_${position}_findings` };
}

/** Drops what an earlier try of this recipe left; raw_data stays. */
export function dropOutputs(recipe: Recipe): string {
  const own = recipe.steps.flatMap((_, position) => [tablesOf(position, '').output, tablesOf(position, '').findings]);
  return format('drop table if exists %I', [PROCESSED_TABLE, ...own]);
}

/**
 * Runs the steps: raw_data -> step_0 -> step_1 -> … -> processed. The table that the last writing step made is renamed to
 * `processed`; the others stay until the schema is dropped. A step that has nothing to do writes none. Checks the geometry
 * contract of each table. Throws GEOMETRY_CONTRACT, and CRS_TRANSFORM_FAILED or GEOMETRY_INVALID with the features to blame.
 */
export async function runRecipe(session: PostgisSession, recipe: Recipe, facts: TableFacts, signal: AbortSignal): Promise<RecipeResult> {
  const result: RecipeResult = { steps: [], repaired_geometries: 0 };
  let table = RAW_TABLE;
  for (const [position, step] of recipe.steps.entries()) {
    const started = performance.now();
    if (!step.createsTable) table = await settle(session, table, result);
    const tables = tablesOf(position, table);
    const done = await runStep(session, step, tables, facts, signal);
    if (done.wrote && step.createsTable) {
      table = tables.output;
      checkGeometryContract(table, await readColumns(session, table), facts.geometryColumn);
    }
    result.repaired_geometries += done.repaired;
    result.steps.push({ step: step.name, output: table, seconds: (performance.now() - started) / 1000, row_count: done.wrote && step.createsTable ? done.rows : null });
  }
  await settle(session, table, result);
  return result;
}

async function runStep(session: PostgisSession, step: RecipeStep, tables: StepTables, facts: TableFacts, signal: AbortSignal): Promise<{ wrote: boolean; rows: number; repaired: number }> {
  const statements = step.plan(tables, facts);
  let repaired = 0;
  let rows = 0;
  for (const statement of statements) {
    rows = await execute(session, step, statement, tables, facts, signal);
    if (statement.counts === 'repaired_geometries') repaired += rows;
    if (statement.stopWhenEmpty && rows === 0) return { wrote: false, rows, repaired };
  }
  if (statements.length > 0) for (const fault of step.faults?.(tables, facts) ?? []) await checkFaults(session, fault);
  return { wrote: statements.length > 0, rows, repaired };
}

async function execute(session: PostgisSession, step: RecipeStep, statement: SqlStep, tables: StepTables, facts: TableFacts, signal: AbortSignal): Promise<number> {
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
  await session.query(table === RAW_TABLE ? format('create unlogged table %I as table %I', PROCESSED_TABLE, table) : format('alter table %I rename to %I', table, PROCESSED_TABLE));
  for (const step of result.steps) if (step.output === table && table !== RAW_TABLE) step.output = PROCESSED_TABLE;
  return PROCESSED_TABLE;
}
