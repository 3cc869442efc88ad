import format from 'pg-format';
import { EpsgCodeSchema } from '#shared/contracts/epsg.ts';
import type { TableColumn } from '#shared/postgis/table-columns.ts';
import { sridOf } from './clip-area.ts';
import { attributeColumns, checkFreeName, NewColumnName } from './columns.ts';
import { invalidParameter } from './invalid-parameter.ts';
import { columnSql, geometryOf, type RecipeStep, selectInto, type TableFacts } from './step.ts';

/** The ellipsoid is measured through longitudes and latitudes. */
const GEOGRAPHIC_SRID = 4326;

/** What is measured: a PostGIS function that takes geometry and geography, on geometries of this dimension. */
interface Measure {
  name: 'ST_Area' | 'ST_Length' | 'ST_Perimeter';
  dimension: 1 | 2;
  /** Meters come in this power: 1 for lengths, 2 for areas. */
  power: 1 | 2;
}

/** Parameters of the steps that measure; the column is called `column` unless the manifest says otherwise. */
export function measureShape<C extends string>(column: C) {
  return {
    column: NewColumnName.default(column).describe('Name of the new column.'),
    crs: EpsgCodeSchema.optional().describe(
      'Projected coordinate reference system to measure in, such as a national grid. On the ellipsoid when absent.',
    ),
  };
}

/** A step that adds a column of what is measured, in meters or square meters; null for features of another dimension. */
export function measureStep(
  measure: Measure,
  { column, crs }: { column: string; crs?: string | undefined },
  path: string,
): Pick<RecipeStep, 'plan' | 'columnsAfter' | 'expression' | 'failure'> {
  const expression = (facts: TableFacts) => measured(measure, facts, crs, path);
  return {
    columnsAfter: (facts) => {
      checkFreeName(
        column,
        attributeColumns(facts).map(({ name }) => name),
        facts,
        `${path}.column`,
      );
      expression(facts); // Throws for a CRS that is not projected, before anything runs.
      return beforeGeometry({ name: column, type: 'double precision', base: 'float8', array: false }, facts);
    },
    plan: ({ input, output }, facts) => {
      const columns = beforeGeometry({ name: column, type: '', base: '', array: false }, facts);
      return [
        {
          sql: selectInto(
            output,
            columns.map(({ name }) => [name, name === column ? expression(facts) : columnSql(name)]),
            format('%I as t', input),
          ),
        },
      ];
    },
    expression,
    failure: { code: 'CRS_TRANSFORM_FAILED', says: `cannot be measured in ${crs ?? 'longitudes and latitudes'}` },
  };
}

function beforeGeometry(added: TableColumn, facts: TableFacts): TableColumn[] {
  const isGeometry = ({ name }: TableColumn) => name === facts.geometryColumn;
  return [...facts.columns.filter((column) => !isGeometry(column)), added, ...facts.columns.filter(isGeometry)];
}

function measured(
  { name, dimension, power }: Measure,
  facts: TableFacts,
  crs: string | undefined,
  path: string,
): string {
  const geometry = geometryOf(facts);
  const value =
    crs === undefined
      ? `${name}(${onEllipsoid(geometry, facts)})`
      : format(
          `${name}(%s) * %L::float8`,
          transformed(geometry, sridOf(crs), facts),
          meters(crs, facts, path) ** power,
        );
  return `case when ST_Dimension(${geometry}) = ${dimension} then ${value} end`;
}

function onEllipsoid(geometry: string, facts: TableFacts): string {
  return facts.units.get(facts.targetSrid) === 'degree'
    ? `${geometry}::geography`
    : `ST_Transform(${geometry}, ${GEOGRAPHIC_SRID})::geography`;
}

function transformed(geometry: string, srid: number, facts: TableFacts): string {
  return srid === facts.targetSrid ? geometry : format('ST_Transform(%s, %s)', geometry, srid);
}

/** Meters in a unit of the CRS. */
function meters(crs: string, facts: TableFacts, path: string): number {
  const unit = facts.units.get(sridOf(crs));
  if (typeof unit === 'number') return unit;
  throw invalidParameter(
    `${path}.crs`,
    `${crs} is not projected. Name a CRS in meters or feet, or leave it out to measure on the ellipsoid.`,
  );
}
