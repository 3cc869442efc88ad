import { useQuery } from '@tanstack/react-query';
import { manifestOptionsQuery } from '../api/queries.ts';
import { Card } from '../ui/card.tsx';
import { readsTables, typeOf } from './draft.ts';
import { RecipeSteps, type StepOptions } from './recipe-steps.tsx';
import { SchemaFields } from './schema-form/schema-field.tsx';
import { type BatchForm, uploadStore } from './upload-store.ts';
import type { UploadFlow } from './use-upload.ts';

/** How the files are processed: the recipe, and the parameters of rasters and tables. Everything has a default. */
export function ProcessingCard({ upload: { groups, state, issues, inspections } }: { upload: UploadFlow }) {
  const options = useQuery(manifestOptionsQuery).data;
  const type = typeOf(groups);
  if (options === undefined || type === null) return null;
  const columns = inspections.flatMap(({ data }) => data?.layers[data.chosen ?? 0]?.columns ?? []);
  const context = { issues, columns: [...new Set(columns)] };
  const { recipe = {} } = state.form;
  return (
    <Card title="Processing" aside="optional">
      <div className="form-stack">
        {readsTables(groups) && (
          <Parameters
            {...context}
            name="tabular"
            title="How the rows are read"
            schema={options.tabular}
            form={state.form}
          />
        )}
        {type === 'raster' && (
          <Parameters {...context} name="raster" title="Raster options" schema={options.raster} form={state.form} />
        )}
        {type === 'vector' && (
          <>
            <Parameters {...context} name="recipe" title="Recipe options" schema={options.recipe} form={state.form} />
            <RecipeSteps
              {...context}
              definitions={options.steps}
              steps={(recipe.steps ?? []) as StepOptions[]}
              onChange={(steps) => uploadStore.setForm({ recipe: withSteps(recipe, steps) })}
            />
          </>
        )}
      </div>
    </Card>
  );
}

interface ParametersProps {
  name: 'recipe' | 'raster' | 'tabular';
  title: string;
  schema: Record<string, unknown>;
  form: BatchForm;
  issues: UploadFlow['issues'];
  columns: readonly string[];
}

function Parameters({ name, title, schema, form, ...context }: ParametersProps) {
  const path = `metadata.${name}`;
  const hasIssues = context.issues.some(
    ({ field }) => field.startsWith(`${path}.`) && !field.startsWith(`${path}.steps`),
  );
  return (
    <details open={hasIssues || undefined}>
      <summary>{title}</summary>
      <SchemaFields
        {...context}
        path={path}
        schema={schema}
        value={form[name]}
        onChange={(changed) => uploadStore.setForm({ [name]: changed })}
      />
    </details>
  );
}

function withSteps(recipe: Record<string, unknown>, steps: StepOptions[]): Record<string, unknown> {
  const { steps: _, ...others } = recipe;
  return steps.length === 0 ? others : { ...others, steps };
}
