import { type EventData, makeEvent, parseRunId } from '#shared/events/event.ts';
import { RAW_TABLE } from '#shared/postgis/run-schema.ts';
import { checkTableKept, countGeometries } from '#shared/postgis/table-checks.ts';
import { parseParameters } from '#shared/recipes/parameters/recipe-parameters.ts';
import { recipeOf, stepsOf } from '#shared/recipes/registry.ts';
import type { Context, Handler, WarmUp } from '#shared/runtime/context.ts';
import { inputOfStep } from '#shared/runtime/step-input.ts';
import { mayUseParallelWorkers } from '#shared/runtime/restart-run.ts';
import { type Claim, withClaim } from '#shared/runtime/with-claim.ts';
import { sessionSettings } from '#shared/postgis/session-pool.ts';
import { findLargestFeature, type LargestFeature, nameLargestFeature } from './feature-errors.ts';
import { readStepContext } from './read-step-context.ts';
import { dropOutputs, runRecipe } from './run-recipe.ts';

type Loaded = EventData<'sluice.table.loaded'>;
type Ready = EventData<'sluice.table.ready'>;

/** Opens a connection and loads PostGIS and PROJ into it. */
export const warmUp: WarmUp = ({ postgis }) => postgis.warmUp();

/** Runs the recipe of the run's intent: raw_data -> step_0 -> … -> processed. See README.md. */
export const handler: Handler = (event, context) => {
  const runId = parseRunId(event, 'sluice.table.loaded');
  return withClaim(context, { runId, step: 'transform-recipe', event }, async (claim) => {
    const ready = await transform(claim, inputOfStep(claim, 'sluice.table.loaded'), context);
    return makeEvent('sluice.table.ready', runId, ready);
  });
};

async function transform(claim: Claim, loaded: Loaded, { env, postgis }: Context): Promise<Ready> {
  const { intent, metadata } = claim.run.manifest;
  const recipe = recipeOf(intent);
  const parameters = parseParameters(metadata.recipe);
  const steps = stepsOf(recipe, parameters.steps);
  const session = await postgis.openSession(claim, claim.signal);
  let largest: LargestFeature | undefined;
  try {
    await checkTableKept(session, RAW_TABLE, loaded.row_count);
    const parallelRows = mayUseParallelWorkers(claim.run) ? loaded.row_count : 0;
    await session.query(`${sessionSettings(env, parallelRows)}; ${dropOutputs(steps)}`);
    if (claim.alone) largest = await findLargestFeature(session, env.GEOMETRY_COLUMN);
    const stepContext = await readStepContext(session, env, recipe, parameters, loaded.srid);
    const result = await runRecipe(session, steps, stepContext, loaded.row_count, claim.signal);
    const counts = await countGeometries(session, stepContext.geometryColumn);
    return {
      run_id: loaded.run_id,
      recipe: recipe.name,
      parameters: { ...stepContext.parameters },
      steps: result.steps,
      crs: stepContext.parameters.target_crs,
      quality: { null_geometries: counts.nulls, empty_geometries: counts.empties, ...result.counts },
      notes: [...stepContext.notes, ...result.notes],
    };
  } finally {
    await session.close().catch((thrown: unknown) => {
      throw nameLargestFeature(thrown, largest);
    });
  }
}
