import { PgPostgis } from '#shared/postgis/pg-postgis.ts';
import { parseParameters } from '#shared/recipes/parameters/recipe-parameters.ts';
import { recipeOf, stepsOf } from '#shared/recipes/registry.ts';
import { dropOutputs, runRecipe } from '../functions/transform-recipe/run-recipe.ts';
import { readStepContext } from '../functions/transform-recipe/read-step-context.ts';
import type { PostgisSession } from '#shared/postgis/postgis.ts';
import { sessionSettings } from '#shared/postgis/session-pool.ts';
import { createDatabase } from './servers.ts';

const RUN = '0d4a1f6e-2f64-8c11-9a3e-0123456789ab';
const ENV = { CORES: 2, GEOMETRY_COLUMN: 'geom' };

export interface RecipeRun {
  intent?: string;
  srid?: number;
  /** `metadata.recipe`. */
  parameters?: Record<string, unknown>;
}

export interface RecipeDatabase {
  /** Closes the last session and opens one in a new, empty run schema. */
  open(): Promise<PostgisSession>;
  stop(): Promise<void>;
}

/** A separate database for recipes. */
export async function recipeDatabase(): Promise<RecipeDatabase> {
  const database = await createDatabase({ postgis: true });
  const postgis = new PgPostgis(database.url);
  let token = 0;
  let session: PostgisSession | undefined;
  return {
    open: async () => {
      await session?.close();
      await postgis.dropSchema(RUN);
      return (session = await postgis.openSession(
        { runId: RUN, step: 'transform-recipe', token: ++token },
        new AbortController().signal,
      ));
    },
    stop: async () => {
      await session?.close();
      await postgis.close();
      await database.drop();
    },
  };
}

/** Runs a recipe on the table raw_data of the session, as transform-recipe does. */
export async function runRecipeOf(
  session: PostgisSession,
  { intent = 'ingest_vector', srid = 4326, parameters: given = {} }: RecipeRun,
) {
  const recipe = recipeOf(intent);
  const parameters = parseParameters(given);
  const steps = stepsOf(recipe, parameters.steps);
  await session.query(`${sessionSettings(ENV, 0)}; ${dropOutputs(steps)}`);
  const context = await readStepContext(session, ENV, recipe, parameters, srid);
  const [counted] = await session.query<{ rows: number }>('select count(*)::int as rows from raw_data');
  return { context, ...(await runRecipe(session, steps, context, counted?.rows ?? 0, new AbortController().signal)) };
}

/**
 * Runs the default recipe with added steps and without simplification. Returns all rows of `processed`, with geometries
 * as WKT in GEOS's normal form, because the first vertex of a ring depends on the version of GEOS.
 */
export async function runSteps(session: PostgisSession, steps: unknown[], run: RecipeRun = {}) {
  const result = await runRecipeOf(session, {
    ...run,
    parameters: { simplify_tolerance: 0, ...run.parameters, steps },
  });
  const rows = await session.query(
    'select to_jsonb(p) - $1 || jsonb_build_object($1::text, ST_AsText(ST_Normalize(geom), 6)) as row from processed as p order by sluice_fid',
    ['geom'],
  );
  return { ...result, rows: rows.map(({ row }) => row as Record<string, unknown>) };
}

/** Creates raw_data with awkward column names. Each row is a geometry (EWKT without SRID) and values. */
export async function createParcels(
  session: PostgisSession,
  rows: [wkt: string | null, district: string | null, größe: number | null, day?: string | null][],
): Promise<void> {
  await session.query(
    'create unlogged table raw_data (sluice_fid bigint, "Größe %s" double precision, "select" text, day date, tags text[], built boolean, geom geometry)',
  );
  for (const [index, [wkt, district, size, day]] of rows.entries()) {
    await session.query(
      `insert into raw_data values ($1::bigint, $2, $3, $4, '{a}', $1::bigint % 2 = 1, ST_SetSRID(ST_GeomFromText($5), 4326))`,
      [index + 1, size, district, day ?? null, wkt],
    );
  }
}

/** Creates raw_data with awkward column names and these geometries (EWKT without SRID, or null). */
export async function createRawData(
  session: PostgisSession,
  srid: number,
  geometries: (string | null)[],
): Promise<void> {
  await session.query(
    'create unlogged table raw_data (sluice_fid bigint, "größe %s" numeric(10,2), geom geometry, "select" text[])',
  );
  for (const [index, wkt] of geometries.entries()) {
    await session.query('insert into raw_data values ($1, $2, ST_SetSRID(ST_GeomFromText($3), $4::int), $5)', [
      index + 1,
      index + 0.25,
      wkt,
      srid,
      ['é'],
    ]);
  }
}

/** Runs a recipe on raw_data. Returns the features of `processed` in the order of their numbers. */
export async function transformRawData(session: PostgisSession, srid: number, options: Omit<RecipeRun, 'srid'> = {}) {
  const result = await runRecipeOf(session, { ...options, srid });
  const rows = await session.query<{ fid: string; wkt: string | null; srid: number }>(
    'select sluice_fid as fid, ST_AsText(geom, 6) as wkt, ST_SRID(geom) as srid from processed order by sluice_fid',
  );
  return { ...result, rows, wkt: rows.map((row) => row.wkt) };
}
