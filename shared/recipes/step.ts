import format from 'pg-format';
import type { ErrorCodeName } from '#shared/errors/codes.ts';
import type { Note } from '#shared/contracts/facts.ts';
import type { TableColumn } from '#shared/postgis/table-columns.ts';

/** A statement of a step, as data. */
export interface SqlStep {
  sql: string;
  /** When it makes a table without rows, the step has nothing to do: the statements after it are left out, and its input stays as it is. */
  stopWhenEmpty?: true;
  /** What its row count is, for the record. */
  counts?: 'repaired_geometries' | 'changed_features';
}

/** Names of tables in the session's schema. */
export interface StepTables {
  input: string;
  /** The table that a step makes, if it makes one. */
  output: string;
  /** A table that it may make for itself. */
  findings: string;
}

/** Unit of a CRS: degrees, or so many meters. */
export type CrsUnit = 'degree' | number;

/** What the manifest or a default says about all geometries. */
export interface GeometryParameters {
  /** EPSG:n. */
  target_crs: string;
  /** Units of target_crs; 0 is off. */
  simplify_tolerance: number;
  coordinate_precision?: number;
}

/** What a step knows of the table, besides its name. */
export interface TableFacts {
  geometryColumn: string;
  keyColumn: string;
  /** All columns, in order, as they are at this step. */
  columns: TableColumn[];
  /** SRID of raw_data. */
  sourceSrid: number;
  targetSrid: number;
  /** Units of the target CRS and of every CRS that a step names, by SRID. */
  units: ReadonlyMap<number, CrsUnit>;
  /** Areas to clip by that had to be transformed, as EWKB in hex, by areaKey() of clip-area.ts. */
  areas: ReadonlyMap<string, string>;
  /** Whether raw_data holds curves, or multi types made for curves. */
  curves: boolean;
  /** Whether it holds triangles, TINs or polyhedral surfaces. */
  surfaces: boolean;
  /** Whether it holds M values. */
  measures: boolean;
  parameters: GeometryParameters;
}

/** What can be wrong with features after a step: a query for `feature` and `reason`, empty when all is well. */
export interface FaultQuery {
  sql: string;
  code: ErrorCodeName;
  says: string;
}

/** Features of the table before and after a step, and how many of them a statement that counts `changed_features` found. */
export interface StepCounts {
  before: number;
  after: number;
  changed: number;
}

/** One step of a recipe: a pure function from table names to SQL. */
export interface RecipeStep {
  name: string;
  /** False for a step that works on the table it is given. */
  createsTable: boolean;
  /** The statements, in order; none when the facts say that there is nothing to do. */
  plan(tables: StepTables, facts: TableFacts): SqlStep[];
  /** The columns of the table that it leaves; as they were when absent. Throws RECIPE_INVALID for columns that are not there. */
  columnsAfter?(facts: TableFacts): TableColumn[];
  /** What it computes of one feature, alias `t`; tried on each when a statement has failed, to find the one to blame. */
  expression?(facts: TableFacts): string;
  /** The code of a failure on the data, and how the sentence about the feature goes on. */
  failure?: { code: ErrorCodeName; says: string };
  /** Checked after the statements. */
  faults?(tables: StepTables, facts: TableFacts): FaultQuery[];
  /** What a person should know of what it did. */
  note?(counts: StepCounts): Note | undefined;
}

/** `create unlogged table OUTPUT as select EXPRESSION as NAME, … from SOURCE`. */
export function selectInto(
  output: string,
  columns: readonly [name: string, expression: string][],
  source: string,
): string {
  return format(
    'create unlogged table %I as select %s from %s',
    output,
    columns.map(([name, expression]) => format('%s as %I', expression, name)).join(', '),
    source,
  );
}

/** A table with another geometry: all other columns pass as they are. `source` is SQL with alias `t`. */
export function createTableAs(output: string, source: string, expression: string, facts: TableFacts): string {
  return selectInto(
    output,
    facts.columns.map(({ name }) => [name, name === facts.geometryColumn ? expression : columnSql(name)]),
    source,
  );
}

/** A column of alias `t`. */
export function columnSql(name: string): string {
  return format('t.%I', name);
}

/** The geometry of alias `t`. */
export function geometryOf(facts: Pick<TableFacts, 'geometryColumn'>): string {
  return columnSql(facts.geometryColumn);
}

/** A name that no column has. */
export function unusedName(name: string, facts: TableFacts): string {
  return facts.columns.some((column) => column.name === name) ? unusedName(`${name}_`, facts) : name;
}
