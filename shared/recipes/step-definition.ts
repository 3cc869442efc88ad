import type { z } from 'zod';
import type { RecipeStep } from './recipe-step.ts';

/** A recipe step that a manifest can add, by name and with parameters. */
export interface StepDefinition<S extends z.ZodObject = z.ZodObject> {
  name: string;
  /** For docs/recipes.md: one or two sentences about what the step does. */
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
