import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { execa } from 'execa';
import pg from 'pg';
import format from 'pg-format';
import { parseEnv } from '#shared/config/env.ts';
import { readColumnFacts } from '#shared/geoparquet/export/column-facts.ts';
import { type ExportPlan, planExport } from '#shared/geoparquet/export/plan-export.ts';
import { readGeometryProfile } from '#shared/geoparquet/export/geometry-profile.ts';
import { sessionSettings } from '#shared/postgis/session-pool.ts';
import { PgPostgis, withParameters } from '#shared/postgis/pg-postgis.ts';
import { readColumns } from '#shared/postgis/table-checks.ts';
import { recipeOf, stepsOf } from '#shared/recipes/registry.ts';
import { runRecipe } from '../functions/transform-recipe/run-recipe.ts';
import type { StepContext } from '#shared/recipes/recipe-step.ts';
import { readStepContext } from '../functions/transform-recipe/read-step-context.ts';
import type { PostgisSession } from '#shared/postgis/postgis.ts';
import { KEY_COLUMN, PROCESSED_TABLE, RAW_TABLE } from '#shared/postgis/run-schema.ts';
import type { BareExportJob } from './bare-export.ts';
import type { PolygonFile } from './data.ts';
import type { Instance } from './instance.ts';

/** Seconds of one run of the bare tools: three programs without planning, checks and records. */
export interface BareTimes {
  /** `ogr2ogr`, with COPY into an unlogged table without index. */
  load: number;
  /** The statements of the default recipe, over one connection. */
  transform: number;
  /** `psql` COPY BINARY into DuckDB, in a separate process. */
  export: number;
  total: number;
}

export interface BareTools {
  run(): Promise<BareTimes>;
}

const SCHEMA = 'bare_tools';
const SOURCE_SRID = 27_700;
/** The CRS in the metadata of the file. The bare tools do not look it up. */
const CRS = { id: { authority: 'EPSG', code: 4326 } };
const RECIPE = recipeOf('ingest_vector');

/** Determines the statements and columns before the measurement, as the author of a script would know them. */
export async function prepareBareTools(instance: Instance, file: PolygonFile): Promise<BareTools> {
  const settings = sessionSettings(parseEnv(process.env), file.count);
  const { context, plan } = await planStatements(instance, file, settings);
  const url = withParameters(instance.postgisUrl, { options: `-c search_path=${SCHEMA},public` });
  const job: BareExportJob = {
    path: join(instance.scratch, 'bare.parquet'),
    columns: plan.columns,
    select: plan.select,
    metadata: plan.metadata,
  };
  return {
    run: async () => {
      await execute(instance.postgisUrl, [
        format('drop schema if exists %I cascade; create schema %I', SCHEMA, SCHEMA),
      ]);
      const load = await seconds(() => loadShapefile(url, SCHEMA, file.shp));
      const transform = await seconds(() => runStatements(url, settings, context));
      const exported = await seconds(() => exportParquet(url, settings, plan.copy, job));
      return { load, transform, export: exported, total: load + transform + exported };
    },
  };
}

async function planStatements(
  instance: Instance,
  file: PolygonFile,
  settings: string,
): Promise<{ context: StepContext; plan: ExportPlan }> {
  const postgis = new PgPostgis(instance.postgisUrl);
  const runId = randomUUID();
  const unlimited = new AbortController().signal;
  const session = await postgis.openSession({ runId, step: 'load-to-postgis', token: 1 }, unlimited);
  try {
    await loadShapefile(session.connectionString, session.schema, file.shp);
    await session.query(settings);
    const context = await readStepContext(session, { GEOMETRY_COLUMN: 'geom' }, RECIPE, {}, SOURCE_SRID);
    await runRecipe(session, stepsOf(RECIPE), context, file.count, unlimited);
    return { context, plan: await exportPlan(session, context) };
  } finally {
    await session.close();
    await postgis.dropSchema(runId);
    await postgis.close();
  }
}

async function exportPlan(session: PostgisSession, { geometryColumn }: StepContext): Promise<ExportPlan> {
  const columns = await readColumns(session, PROCESSED_TABLE);
  const [facts, profile] = [
    await readColumnFacts(session, PROCESSED_TABLE, columns),
    await readGeometryProfile(session, PROCESSED_TABLE, geometryColumn, true),
  ];
  return planExport({
    table: PROCESSED_TABLE,
    columns,
    facts: facts.byColumn,
    geometryColumn,
    keyColumn: KEY_COLUMN,
    profile,
    crs: CRS,
  });
}

async function loadShapefile(url: string, schema: string, shp: string): Promise<void> {
  const creation = [
    `SCHEMA=${schema}`,
    'GEOMETRY_NAME=geom',
    `FID=${KEY_COLUMN}`,
    'FID64=YES',
    'UNLOGGED=ON',
    'SPATIAL_INDEX=NONE',
    'LAUNDER=NO',
    'PRECISION=NO',
  ];
  await execa(
    'ogr2ogr',
    [
      '-f',
      'PostgreSQL',
      url,
      shp,
      '-nln',
      RAW_TABLE,
      '-nlt',
      'PROMOTE_TO_MULTI',
      '-gt',
      'unlimited',
      ...creation.flatMap((option) => ['-lco', option]),
    ],
    {
      env: { PG_USE_COPY: 'YES' },
    },
  );
}

/** Executes the statements of the recipe, without the checks between them. */
async function runStatements(url: string, settings: string, context: StepContext): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(settings);
    let input = RAW_TABLE;
    for (const [position, step] of stepsOf(RECIPE).entries()) {
      const output = `step_${position}`;
      if (!step.createsTable) {
        await client.query(format('alter table %I rename to %I', input, PROCESSED_TABLE));
        input = PROCESSED_TABLE;
      }
      const statements = step.plan({ input, output, findings: `${output}_findings` }, context);
      let wrote = statements.length > 0;
      for (const { sql, stopWhenEmpty } of statements) {
        const { rowCount } = await client.query(sql);
        if (stopWhenEmpty && rowCount === 0) {
          wrote = false;
          break;
        }
      }
      if (wrote && step.createsTable) input = output;
    }
  } finally {
    await client.end();
  }
}

/** Uses a pipe of the shell, because a pipe of Node would delay the reader by its event loop. */
async function exportParquet(url: string, settings: string, copy: string, job: BareExportJob): Promise<void> {
  const pipe = 'psql -Xq -c "$2" -c "$3" "$1" | exec "$4" "$5" "$6"';
  const silent = settings.replace(/select[^;]*$/, ''); // psql would print its result among the rows.
  await execa('sh', [
    '-c',
    pipe,
    'sh',
    url,
    silent,
    copy,
    process.execPath,
    join(import.meta.dirname, 'bare-export.ts'),
    JSON.stringify(job),
  ]);
}

async function execute(url: string, statements: string[]): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    for (const statement of statements) await client.query(statement);
  } finally {
    await client.end();
  }
}

async function seconds(work: () => Promise<void>): Promise<number> {
  const started = performance.now();
  await work();
  return (performance.now() - started) / 1000;
}
