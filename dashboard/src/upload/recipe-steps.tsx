import { useState } from 'react';
import type { FieldIssue, ManifestOptionsView } from '../../../shared/api/views.ts';
import { SelectField } from './form-field.tsx';
import { problemAt, SchemaFields } from './schema-form/schema-field.tsx';

export interface StepOptions extends Record<string, unknown> {
  step: string;
}

interface RecipeStepsProps {
  definitions: ManifestOptionsView['steps'];
  steps: readonly StepOptions[];
  onChange: (steps: StepOptions[]) => void;
  issues: readonly FieldIssue[];
  columns: readonly string[];
}

/** The steps of a recipe in their order. */
export function RecipeSteps({ definitions, steps, onChange, issues, columns }: RecipeStepsProps) {
  // The inputs keep what is typed, so each step needs an identity that survives a change of the order.
  const [ids, setIds] = useState(() => steps.map((_, index) => index));
  const replace = (nextSteps: StepOptions[], nextIds: number[]) => {
    setIds(nextIds);
    onChange(nextSteps);
  };
  const add = (step: string) => replace([...steps, { step }], [...ids, Math.max(-1, ...ids) + 1]);
  const remove = (at: number) => replace(without(steps, at), without(ids, at));
  const moveUp = (at: number) => replace(swapped(steps, at), swapped(ids, at));
  return (
    <div className="form-stack">
      {steps.length > 0 && (
        <ol className="recipe-steps">
          {steps.map((step, index) => (
            <li key={ids[index]}>
              <StepForm
                step={step}
                position={index}
                definition={definitions.find(({ name }) => name === step.step)}
                issues={issues}
                columns={columns}
                onChange={(changed) => onChange(steps.map((each, at) => (at === index ? changed : each)))}
                onRemove={() => remove(index)}
                onMoveUp={() => moveUp(index)}
              />
            </li>
          ))}
        </ol>
      )}
      <SelectField
        label="Add a step"
        help="Steps run in this order, on repaired geometries, before simplification."
        value=""
        options={[
          ['', 'Choose a step'],
          ...definitions.map(({ name, summary }) => [name, `${name}: ${summary.replaceAll('`', '')}`] as const),
        ]}
        onChange={(name) => name !== '' && add(name)}
      />
    </div>
  );
}

interface StepFormProps {
  step: StepOptions;
  position: number;
  definition: ManifestOptionsView['steps'][number] | undefined;
  issues: readonly FieldIssue[];
  columns: readonly string[];
  onChange: (step: StepOptions) => void;
  onRemove: () => void;
  onMoveUp: () => void;
}

function StepForm({ step, position, definition, issues, columns, onChange, onRemove, onMoveUp }: StepFormProps) {
  const path = `metadata.recipe.steps[${position}]`;
  const title = `Step ${position + 1}: ${step.step}`;
  const problem = problemAt(path, issues);
  return (
    <fieldset className="form-group">
      <legend>{title}</legend>
      <div className="form-step-head">
        <p className="small muted">{definition?.summary.replaceAll('`', '')}</p>
        <div className="page-actions">
          <button
            type="button"
            className="button"
            disabled={position === 0}
            aria-label={`Move ${title} up`}
            onClick={onMoveUp}
          >
            ↑
          </button>
          <button type="button" className="button" aria-label={`Remove ${title}`} onClick={onRemove}>
            Remove
          </button>
        </div>
      </div>
      {problem && <p className="form-problem">{problem}</p>}
      {definition && (
        <SchemaFields
          path={path}
          schema={definition.schema}
          value={step}
          issues={issues}
          columns={columns}
          onChange={(changed) => onChange({ ...changed, step: step.step })}
        />
      )}
    </fieldset>
  );
}

function without<T>(list: readonly T[], at: number): T[] {
  return list.filter((_, index) => index !== at);
}

/** The list with an entry before its predecessor. */
function swapped<T>(list: readonly T[], at: number): T[] {
  const entry = list[at];
  const before = list[at - 1];
  if (entry === undefined || before === undefined) return [...list];
  return list.map((each, index) => (index === at ? before : index === at - 1 ? entry : each));
}
