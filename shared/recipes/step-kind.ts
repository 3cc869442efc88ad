import type { z } from 'zod';
import type { RecipeStep } from './step.ts';

/** A kind of step that a manifest can add to the recipe, by its name and with parameters. */
export interface StepKind<S extends z.ZodObject = z.ZodObject> {
  name: string;
  /** For docs/recipes.md: what it does, in one or two sentences. */
  summary: string;
  /** Its parameters, described; `step` is its name. */
  schema: S;
  example: z.input<S>;
  /** The step with these parameters. `path` is where they stand in the manifest, for messages. */
  bind(parameters: unknown, path: string): RecipeStep;
}

type StepSchema = z.ZodObject<{ step: z.ZodLiteral<string> } & z.ZodRawShape>;

/** Defines a kind of step. Every such step writes a table. */
export function stepKind<S extends StepSchema>(kind: {
  schema: S;
  summary: string;
  example: z.input<S>;
  bind(parameters: z.output<S>, path: string): Omit<RecipeStep, 'name' | 'createsTable'>;
}): StepKind<S> {
  const name = kind.schema.shape.step.value;
  return {
    ...kind,
    name,
    bind: (parameters, path) => ({ name, createsTable: true, ...kind.bind(kind.schema.parse(parameters), path) }),
  };
}

/** Columns that a table of PostgreSQL can have (MaxHeapAttributeNumber). */
export const MAX_TABLE_COLUMNS = 1600;
