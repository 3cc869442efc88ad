import format from 'pg-format';
import type { ErrorCodeName } from '#shared/errors/codes.ts';
import type { RecipeParameters } from './parameters.ts';

/** A statement of a step, as data. */
export interface SqlStep {
  sql: string;
  /** When it makes a table without rows, the step has nothing to do: the statements after it are left out, and its input stays as it is. */
  stopWhenEmpty?: true;
  /** What its row count is, for the record. */
  counts?: 'repaired_geometries';
}

/** Names of tables in the session's schema. */
export interface StepTables {
  input: string;
  /** The table that a step makes, if it makes one. */
  output: string;
  /** A table that it may make for itself. */
  findings: string;
}

/** What a step knows of the table, besides its name. */
export interface TableFacts {
  geometryColumn: string;
  keyColumn: string;
  /** Names of all columns, in order. */
  columns: string[];
  /** SRID of raw_data. */
  sourceSrid: number;
  targetSrid: number;
  /** Whether raw_data holds curves, or multi types made for curves. */
  curves: boolean;
  /** Whether it holds triangles, TINs or polyhedral surfaces. */
  surfaces: boolean;
  /** Whether it holds M values. */
  measures: boolean;
  parameters: RecipeParameters;
}

/** What can be wrong with features after a step: a query for `feature` and `reason`, empty when all is well. */
export interface FaultQuery {
  sql: string;
  code: ErrorCodeName;
  says: string;
}

/** One step of a recipe: a pure function from table names to SQL. */
export interface RecipeStep {
  name: string;
  /** False for a step that works on the table it is given. */
  createsTable: boolean;
  /** The statements, in order; none when the facts say that there is nothing to do. */
  plan(tables: StepTables, facts: TableFacts): SqlStep[];
  /** What it does to one geometry; tried on each feature when a statement has failed, to find the one to blame. */
  expression?(geometry: string, facts: TableFacts): string;
  /** The code of a failure in `expression`, and how the sentence about the feature goes on. */
  failure?: { code: ErrorCodeName; says: string };
  /** Checked after the statements. */
  faults?(tables: StepTables, facts: TableFacts): FaultQuery[];
}

/** `create unlogged table OUTPUT as select …, EXPRESSION as GEOMETRY from SOURCE`: all other columns pass as they are. `source` is SQL with alias `t`. */
export function createTableAs(output: string, source: string, expression: string, facts: TableFacts): string {
  const columns = facts.columns.map((name) => (name === facts.geometryColumn ? format('%s as %I', expression, name) : format('t.%I', name)));
  return format('create unlogged table %I as select %s from %s', output, columns.join(', '), source);
}

/** The geometry of alias `t`. */
export function geometryOf(facts: TableFacts): string {
  return format('t.%I', facts.geometryColumn);
}

/** A name that no column has. */
export function unusedName(name: string, facts: TableFacts): string {
  return facts.columns.includes(name) ? unusedName(`${name}_`, facts) : name;
}
