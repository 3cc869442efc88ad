import format from 'pg-format';
import { z } from 'zod';
import { EpsgCodeSchema } from '#shared/contracts/epsg-codes.ts';
import type { TableColumn } from '#shared/postgis/table-checks.ts';
import { attributeColumns, checkFreeName, invalidParameter, NewColumnName } from '../parameters/columns.ts';
import { defineStep, type RecipeStep, type StepContext } from '../recipe-step.ts';
import { sridOfCode } from '../sql/clip-area.ts';
import { columnSql, geometryOf, selectInto } from '../sql/select.ts';

export const addArea = defineStep({
  summary: 'Adds a column with the area of polygons in square meters, at this step. It is null for other features.',
  schema: z.strictObject({ step: z.literal('add_area'), ...measureShape('area_m2') }),
  example: { step: 'add_area', crs: 'EPSG:25832' },
  bind: (parameters, path) => measureStep({ function: 'ST_Area', dimension: 2, power: 2 }, parameters, path),
});

export const addLength = defineStep({
  summary: 'Adds a column with the length of lines in meters, at this step. It is null for other features.',
  schema: z.strictObject({ step: z.literal('add_length'), ...measureShape('length_m') }),
  example: { step: 'add_length', crs: 'EPSG:25832' },
  bind: (parameters, path) => measureStep({ function: 'ST_Length', dimension: 1, power: 1 }, parameters, path),
});

export const addPerimeter = defineStep({
  summary: 'Adds a column with the perimeter of polygons in meters, at this step. It is null for other features.',
  schema: z.strictObject({ step: z.literal('add_perimeter'), ...measureShape('perimeter_m') }),
  example: { step: 'add_perimeter', crs: 'EPSG:25832' },
  bind: (parameters, path) => measureStep({ function: 'ST_Perimeter', dimension: 2, power: 1 }, parameters, path),
});

/** The SRID for measurements on the ellipsoid, which need longitudes and latitudes. */
const GEOGRAPHIC_SRID = 4326;

interface Measure {
  /** A PostGIS function for geometry and geography. */
  function: 'ST_Area' | 'ST_Length' | 'ST_Perimeter';
  /** The dimension of the geometries that are measured. */
  dimension: 1 | 2;
  /** The power of the unit: 1 for meters, 2 for square meters. */
  power: 1 | 2;
}

/** Parameters of a measuring step; `column` is the default name of the new column. */
function measureShape<C extends string>(column: C) {
  return {
    column: NewColumnName.default(column).describe('Name of the new column.'),
    crs: EpsgCodeSchema.optional().describe(
      'Projected coordinate reference system to measure in, such as a national grid. ' +
        'Without it, the ellipsoid is used.',
    ),
  };
}

function measureStep(
  measure: Measure,
  { column, crs }: { column: string; crs?: string | undefined },
  path: string,
): Pick<RecipeStep, 'plan' | 'columnsAfter' | 'expression' | 'failure'> {
  const expression = (context: StepContext) => measureSql(measure, context, crs, path);
  return {
    columnsAfter: (context) => {
      const taken = attributeColumns(context).map(({ name }) => name);
      checkFreeName(column, taken, context, `${path}.column`);
      expression(context); // Throws for a CRS that is not projected, before the first statement runs.
      return insertColumn({ name: column, type: 'double precision', base: 'float8', array: false }, context);
    },
    plan: ({ input, output }, context) => {
      const columns = insertColumn({ name: column, type: '', base: '', array: false }, context);
      return [
        {
          sql: selectInto(
            output,
            columns.map(({ name }) => [name, name === column ? expression(context) : columnSql(name)]),
            format('%I as t', input),
          ),
        },
      ];
    },
    expression,
    failure: { code: 'CRS_TRANSFORM_FAILED', predicate: `cannot be measured in ${crs ?? 'longitudes and latitudes'}` },
  };
}

/** The columns with a new one before the geometry. */
function insertColumn(added: TableColumn, context: StepContext): TableColumn[] {
  const isGeometry = ({ name }: TableColumn) => name === context.geometryColumn;
  return [...context.columns.filter((column) => !isGeometry(column)), added, ...context.columns.filter(isGeometry)];
}

function measureSql(measure: Measure, context: StepContext, crs: string | undefined, path: string): string {
  const geometry = geometryOf(context);
  const value =
    crs === undefined
      ? `${measure.function}(${onEllipsoid(geometry, context)})`
      : format(
          `${measure.function}(%s) * %L::float8`,
          transformed(geometry, sridOfCode(crs), context),
          metersPerUnit(crs, context, path) ** measure.power,
        );
  return `case when ST_Dimension(${geometry}) = ${measure.dimension} then ${value} end`;
}

function onEllipsoid(geometry: string, context: StepContext): string {
  return context.units.get(context.targetSrid) === 'degree'
    ? `${geometry}::geography`
    : `ST_Transform(${geometry}, ${GEOGRAPHIC_SRID})::geography`;
}

function transformed(geometry: string, srid: number, context: StepContext): string {
  return srid === context.targetSrid ? geometry : format('ST_Transform(%s, %s)', geometry, srid);
}

function metersPerUnit(crs: string, context: StepContext, path: string): number {
  const unit = context.units.get(sridOfCode(crs));
  if (typeof unit === 'number') return unit;
  throw invalidParameter(
    `${path}.crs`,
    `${crs} is not projected. Use a CRS in meters or feet, or omit \`crs\` to measure on the ellipsoid.`,
  );
}
