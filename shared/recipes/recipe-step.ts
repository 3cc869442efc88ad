import type { z } from 'zod';
import type { Note } from '#shared/contracts/shared-schemas.ts';
import type { ErrorCodeName } from '#shared/errors/codes.ts';
import type { TableColumn } from '#shared/postgis/table-checks.ts';

/** An SQL statement of a recipe step. */
export interface SqlStep {
  sql: string;
  /**
   * When the statement creates a table without rows, the step ends: its other statements are skipped, and its input is
   * its result.
   */
  stopWhenEmpty?: true;
  /** When the statement finds no rows, the other statements are skipped. */
  endWhenEmpty?: true;
  /** The statement writes a table other than the output. Its rows are not those of the result. */
  auxiliary?: true;
  /** What the row count of the statement means. */
  counts?: 'repaired_geometries' | 'changed_features';
  /** Checks to run before the statement. */
  checksBefore?: FeatureCheck[];
  /** Checks to run after the statement. */
  checks?: FeatureCheck[];
}

/** Names of tables in the schema of the run. */
export interface StepTables {
  input: string;
  /** The table that the step creates, if it creates one. */
  output: string;
  /** A table for intermediate results of the step. */
  findings: string;
}

/** Unit of a CRS: degrees, or its length in meters. */
export type CrsUnit = 'degree' | number;

/** Parameters of the recipe that apply to all geometries. */
export interface GeometryParameters {
  /** The target CRS as `EPSG:n`. */
  target_crs: string;
  /** Tolerance of the simplification in units of target_crs. 0 switches it off. */
  simplify_tolerance: number;
  coordinate_precision?: number;
}

/** The input of a recipe step besides the table name. */
export interface StepContext {
  geometryColumn: string;
  keyColumn: string;
  /** All columns of the table at this step, in order. */
  columns: TableColumn[];
  /** SRID of raw_data. */
  sourceSrid: number;
  sourceUnit: CrsUnit;
  /** The definitions of the CRSs for PROJ. */
  sourceProj4: string;
  targetSrid: number;
  targetProj4: string;
  /** Units of the target CRS and of every CRS that a step names, by SRID. */
  units: ReadonlyMap<number, CrsUnit>;
  /**
   * Boxes of clip steps in the target CRS, where they were given in another one: EWKB in hex by areaKey() of
   * sql/clip-area.ts.
   */
  areas: ReadonlyMap<string, string>;
  /** Whether raw_data has curves, or multi geometries that can hold curves. */
  curves: boolean;
  /** Whether raw_data has triangles, TINs or polyhedral surfaces. */
  surfaces: boolean;
  /** Whether raw_data has M values. */
  measures: boolean;
  parameters: GeometryParameters;
}

/** Why a step fails on a feature: the error code, and the predicate of the message `Feature 7 …`. */
export interface FeatureFailure {
  code: ErrorCodeName;
  predicate: string;
}

/** A check after a step: a query for the `feature` and the `reason` of each feature with an error. */
export interface FeatureCheck extends FeatureFailure {
  sql: string;
}

/**
 * Features before and after a step, the number of features that a statement counted as `changed_features`, and the row
 * of `summary`, or of `summaryAfterFailure` with the reason of the failure.
 */
export interface StepCounts {
  before: number;
  after: number;
  changed: number;
  summary: Record<string, number | null>;
  failure: string | undefined;
}

/** Changes of geometries that are counted on the asset. */
export const GEOMETRY_COUNTS = [
  'repaired_geometries',
  'split_geometries',
  'simplified_geometries',
  'removed_vertices',
] as const;
export type ChangeCounts = Record<(typeof GEOMETRY_COUNTS)[number], number>;

/** One step of a recipe. All its functions are pure. */
export interface RecipeStep {
  name: string;
  /** False for a step that changes its input table. */
  createsTable: boolean;
  /** The statements, in order; empty when the step has nothing to do. */
  plan(tables: StepTables, context: StepContext): SqlStep[];
  /** The columns of the result; unchanged when absent. Throws RECIPE_INVALID for a column that does not exist. */
  columnsAfter?(context: StepContext): TableColumn[];
  /**
   * The SQL that the step computes for one feature (alias `t`). After a failure it is evaluated feature by feature to
   * find the one that fails.
   */
  expression?(context: StepContext): string;
  /** The error of a statement that fails on the data. */
  failure?: FeatureFailure;
  /** Checks to run after the statements. */
  checks?(tables: StepTables, context: StepContext): FeatureCheck[];
  /**
   * A query for one row of numbers about what the statements changed. Those with a name of GEOMETRY_COUNTS are added to
   * the quality of the asset.
   */
  summary?(tables: StepTables, context: StepContext): string | undefined;
  /**
   * As `summary`, without the parts that only notes need. Replaces it when it fails on the data or exceeds a limit of
   * PostgreSQL. Without it, that error fails the run.
   */
  summaryAfterFailure?(tables: StepTables, context: StepContext): string | undefined;
  /** The notes for the asset about what the step changed. */
  note?(counts: StepCounts): Note | Note[] | undefined;
}

/** A recipe step that a manifest can add, by name and with parameters. */
export interface StepDefinition<S extends z.ZodObject = z.ZodObject> {
  name: string;
  /** One or two sentences about what the step does, for docs/recipes.md. */
  summary: string;
  /** The parameters with their descriptions; `step` is the name. */
  schema: S;
  example: z.input<S>;
  /** The step with these parameters. `path` is their place in the manifest, for error messages. */
  bind(parameters: unknown, path: string): RecipeStep;
}

type StepSchema = z.ZodObject<{ step: z.ZodLiteral<string> } & z.ZodRawShape>;

/** Defines a recipe step for manifests. Every such step creates a table. */
export function defineStep<S extends StepSchema>(definition: {
  schema: S;
  summary: string;
  example: z.input<S>;
  bind(parameters: z.output<S>, path: string): Omit<RecipeStep, 'name' | 'createsTable'>;
}): StepDefinition<S> {
  const name = definition.schema.shape.step.value;
  return {
    ...definition,
    name,
    bind: (parameters, path) => ({
      name,
      createsTable: true,
      ...definition.bind(definition.schema.parse(parameters), path),
    }),
  };
}
