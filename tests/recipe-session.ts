import { sessionSettings } from '#shared/postgis/session-settings.ts';
import { PgPostgis } from '#shared/postgis/pg-postgis.ts';
import { parseParameters } from '#shared/recipes/parameters.ts';
import { recipeOf, stepsOf } from '#shared/recipes/registry.ts';
import { dropOutputs, runRecipe } from '#shared/recipes/run-recipe.ts';
import { readFacts } from '#shared/recipes/table-facts.ts';
import type { PostgisSession } from '#shared/postgis/postgis.ts';
import { createDatabase } from './servers.ts';

const RUN = '0d4a1f6e-2f64-8c11-9a3e-0123456789ab';
const ENV = { CORES: 2, GEOMETRY_COLUMN: 'geom' };

export interface RecipeRun {
  intent?: string;
  srid?: number;
  /** `metadata.recipe`; simplification is off, unless it says otherwise. */
  parameters?: Record<string, unknown>;
}

export interface RecipeDatabase {
  /** A session in the schema of a run that has nothing yet. Ends the one before. */
  open(): Promise<PostgisSession>;
  stop(): Promise<void>;
}

/** A database of its own, in which recipes run one after the other. */
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

/** Runs a recipe on raw_data of the session, as transform-recipe does. */
export async function runRecipeOf(
  session: PostgisSession,
  { intent = 'ingest_vector', srid = 4326, parameters: given = {} }: RecipeRun,
) {
  const recipe = recipeOf(intent);
  const parameters = parseParameters(given);
  const steps = stepsOf(recipe, parameters.steps);
  await session.query(`${sessionSettings(ENV, 0)}; ${dropOutputs(steps)}`);
  const facts = await readFacts(session, ENV, recipe, parameters, srid);
  const [counted] = await session.query<{ rows: number }>('select count(*)::int as rows from raw_data');
  return { facts, ...(await runRecipe(session, steps, facts, counted?.rows ?? 0, new AbortController().signal)) };
}

/** Runs the default recipe with added steps and no simplification; answers all rows of `processed`, geometries as WKT in GEOS's normal form (where a ring begins depends on its version). */
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
