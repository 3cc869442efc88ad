import { makeEvent, parseEventData } from '#shared/events/event.ts';
import { checkTableKept, countGeometries } from '#shared/postgis/table-checks.ts';
import { sessionSettings } from '#shared/postgis/session-settings.ts';
import { parseParameters } from '#shared/recipes/parameters.ts';
import { recipeOf, stepsOf } from '#shared/recipes/registry.ts';
import { dropOutputs, runRecipe } from '#shared/recipes/run-recipe.ts';
import { readFacts } from '#shared/recipes/table-facts.ts';
import type { Handler, WarmUp } from '#shared/runtime/context.ts';
import { withClaim } from '#shared/runtime/with-claim.ts';
import { RAW_TABLE } from '#shared/postgis/run-schema.ts';

/** Opens a connection with PostGIS and PROJ loaded. */
export const warmUp: WarmUp = ({ postgis }) => postgis.warmUp();

/** Runs the recipe of the run's intent: raw_data -> step_0 -> … -> processed. See README.md. */
export const handler: Handler = (event, context) => {
  const loaded = parseEventData(event, 'sluice.table.loaded');
  return withClaim(context, { runId: loaded.run_id, step: 'transform-recipe' }, async (claim) => {
    const { intent, metadata } = claim.run.manifest;
    const recipe = recipeOf(intent);
    const parameters = parseParameters(metadata.recipe);
    const steps = stepsOf(recipe, parameters.steps);
    const session = await context.postgis.openSession(claim, claim.signal);
    try {
      await checkTableKept(session, RAW_TABLE, loaded.row_count);
      await session.query(`${sessionSettings(context.env, loaded.row_count)}; ${dropOutputs(steps)}`);
      const facts = await readFacts(session, context.env, recipe, parameters, loaded.srid);
      const result = await runRecipe(session, steps, facts, loaded.row_count, claim.signal);
      const counts = await countGeometries(session, facts.geometryColumn);
      return makeEvent(
        'sluice.table.ready',
        loaded.run_id,
        {
          run_id: loaded.run_id,
          recipe: recipe.name,
          parameters: { ...facts.parameters },
          steps: result.steps,
          crs: facts.parameters.target_crs,
          quality: {
            null_geometries: counts.nulls,
            empty_geometries: counts.empties,
            repaired_geometries: result.repaired_geometries,
          },
          notes: result.notes,
        },
        { traceparent: event.traceparent },
      );
    } finally {
      await session.close();
    }
  });
};
