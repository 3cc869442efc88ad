import { type ReactNode, useId, useState } from 'react';
import type { FieldIssue } from '../../../../shared/api/views.ts';
import { FormField } from '../form-field.tsx';
import { Choice, Flag, type LabelProps, Lines, Suggestions, Text, Tuple, Typed } from './controls.tsx';
import { helpOf, type JsonSchema, kindOf, labelOf, parseNumber, parseScalar, scalarText } from './json-schema.ts';

export interface FormContext {
  /** The invalid fields of the manifest. */
  issues: readonly FieldIssue[];
  /** Names of columns that a field with the name of a column suggests. */
  columns: readonly string[];
}

interface SchemaFieldProps extends FormContext {
  /** The place in the manifest: `metadata.recipe.steps[0].bounds`. */
  path: string;
  name: string;
  schema: JsonSchema;
  value: unknown;
  /** Undefined removes the value. */
  onChange: (value: unknown) => void;
}

/** The control for one value of a manifest, by its schema. */
export function SchemaField(props: SchemaFieldProps): ReactNode {
  const { path, name, schema, value, onChange, issues } = props;
  const field = kindOf(schema);
  const label = { label: labelOf(name), help: helpOf(schema), problem: problemBelow(path, issues) };
  switch (field.kind) {
    case 'choice':
      return <Choice {...label} values={field.values} value={value} onChange={onChange} />;
    case 'flag':
      return <Flag {...label} value={value} onChange={onChange} />;
    case 'number':
      return <Typed {...label} value={value} onChange={onChange} parse={parseNumber} />;
    case 'text':
      return <Text {...props} {...label} />;
    case 'scalar':
      return <Typed {...label} value={value} onChange={onChange} parse={scalarOrNone} show={scalarText} />;
    case 'lines':
      return <Lines {...label} value={value} onChange={onChange} isScalar={field.isScalar} />;
    case 'tuple':
      return <Tuple {...label} labels={field.labels} value={value} onChange={onChange} />;
    case 'entries':
      return <Entries {...props} {...label} entry={field.value} />;
    case 'list':
      return <List {...props} help={label.help} item={field.item} />;
    case 'variants':
      return <Variants {...props} property={field.property} variants={field.variants} />;
    case 'object':
      return <SchemaFields {...props} schema={schema} />;
  }
}

interface SchemaFieldsProps extends FormContext {
  path: string;
  schema: JsonSchema;
  value: unknown;
  onChange: (value: Record<string, unknown>) => void;
  /** Properties that have a control elsewhere. */
  without?: readonly string[];
}

/** The controls for the properties of an object. */
export function SchemaFields({ path, schema, value, onChange, without = [], issues, columns }: SchemaFieldsProps) {
  const values = objectOf(value);
  const properties = Object.entries(schema.properties ?? {}).filter(
    ([name, property]) => property.const === undefined && !without.includes(name),
  );
  return (
    <div className="form-grid">
      {properties.map(([name, property]) => (
        <SchemaField
          key={name}
          path={`${path}.${name}`}
          name={name}
          schema={property}
          value={values[name]}
          issues={issues}
          columns={columns}
          onChange={(changed) => onChange(withValue(values, name, changed))}
        />
      ))}
    </div>
  );
}

/** Names with values, such as the new names of columns. */
function Entries({
  entry,
  path,
  columns,
  value,
  onChange,
  ...label
}: SchemaFieldProps & LabelProps & { entry: JsonSchema }) {
  const [rows, setRows] = useState(() => Object.entries(objectOf(value)));
  const id = useId();
  const change = (changed: [string, unknown][]) => {
    setRows(changed);
    const named = changed.filter(([name]) => name !== '');
    onChange(named.length === 0 ? undefined : Object.fromEntries(named.map(([name, each]) => [name, each ?? ''])));
  };
  const setRow = (at: number, row: [string, unknown]) => change(rows.map((each, index) => (index === at ? row : each)));
  return (
    <fieldset className="form-group">
      <legend>{label.label}</legend>
      {label.help && <p className="small muted">{label.help}</p>}
      {label.problem && <p className="form-problem">{label.problem}</p>}
      <Suggestions id={id} columns={columns} />
      {rows.map(([name, each], index) => (
        <div key={index} className="form-row">
          <FormField label="Column">
            {(control) => (
              <input
                {...control}
                className="input"
                list={id}
                value={name}
                onChange={({ target }) => setRow(index, [target.value, each])}
              />
            )}
          </FormField>
          <SchemaField
            path={`${path}.${name}`}
            name={entry.enum ? 'type' : 'new name'}
            schema={entry}
            value={each}
            issues={NO_ISSUES}
            columns={NO_COLUMNS}
            onChange={(changed) => setRow(index, [name, changed])}
          />
          <RemoveButton
            label={`Remove ${name || 'this column'}`}
            onClick={() => change(rows.filter((_, at) => at !== index))}
          />
        </div>
      ))}
      <button type="button" className="button" onClick={() => setRows([...rows, ['', undefined]])}>
        Add a column
      </button>
    </fieldset>
  );
}

const NO_ISSUES: readonly FieldIssue[] = [];
const NO_COLUMNS: readonly string[] = [];

function List({
  item,
  path,
  name,
  value,
  onChange,
  help,
  issues,
  columns,
}: SchemaFieldProps & { item: JsonSchema; help: string | undefined }) {
  const entries: unknown[] = Array.isArray(value) ? value : [];
  const change = (changed: unknown[]) => onChange(changed.length === 0 ? undefined : changed);
  const problem = problemAt(path, issues);
  return (
    <fieldset className="form-group">
      <legend>{labelOf(name)}</legend>
      {help && <p className="small muted">{help}</p>}
      {problem && <p className="form-problem">{problem}</p>}
      {entries.map((entry, index) => (
        <div key={index} className="form-row">
          <SchemaField
            path={`${path}[${index}]`}
            name={`${name} ${index + 1}`}
            schema={item}
            value={entry}
            issues={issues}
            columns={columns}
            onChange={(changed) => change(entries.map((each, at) => (at === index ? changed : each)))}
          />
          <RemoveButton
            label={`Remove entry ${index + 1}`}
            onClick={() => change(entries.filter((_, at) => at !== index))}
          />
        </div>
      ))}
      <button type="button" className="button" onClick={() => change([...entries, {}])}>
        Add an entry
      </button>
    </fieldset>
  );
}

function Variants({ property, variants, ...props }: SchemaFieldProps & { property: string; variants: JsonSchema[] }) {
  const { path, value, onChange, issues } = props;
  const values = objectOf(value);
  const chosen = values[property];
  const choices = variants.flatMap((variant) => variant.properties?.[property]?.enum ?? []);
  const variant = variants.find((each) => each.properties?.[property]?.enum?.includes(String(chosen)));
  const first = variants[0];
  const select = (changed: unknown) => {
    const next = variants.find((each) => each.properties?.[property]?.enum?.includes(String(changed)));
    const isSameShape = next !== undefined && next === variant;
    onChange(
      isSameShape ? { ...values, [property]: changed } : withValue(commonOf(values, variants), property, changed),
    );
  };
  return (
    <div className="form-variant">
      <SchemaFields
        {...props}
        key={variant === undefined ? 'none' : variants.indexOf(variant)}
        schema={variant ?? onlyCommon(first, variants)}
        without={[property]}
        onChange={onChange}
      />
      <Choice
        label={labelOf(property)}
        help={undefined}
        problem={problemAt(`${path}.${property}`, issues)}
        values={choices}
        value={chosen}
        onChange={select}
      />
    </div>
  );
}

/** The schema with the properties that all variants have in common. */
function onlyCommon(schema: JsonSchema | undefined, variants: readonly JsonSchema[]): JsonSchema {
  const properties = Object.entries(schema?.properties ?? {}).filter(([name]) => isCommon(name, variants));
  return { type: 'object', properties: Object.fromEntries(properties) };
}

function commonOf(values: Record<string, unknown>, variants: readonly JsonSchema[]): Record<string, unknown> {
  return Object.fromEntries(Object.entries(values).filter(([name]) => isCommon(name, variants)));
}

function isCommon(name: string, variants: readonly JsonSchema[]): boolean {
  const [first, ...others] = variants.map((variant) => JSON.stringify(variant.properties?.[name]));
  return first !== undefined && others.every((other) => other === first);
}

function RemoveButton({ label, onClick }: { label: string; onClick: () => void }) {
  return (
    <button type="button" className="button form-remove" aria-label={label} onClick={onClick}>
      ×
    </button>
  );
}

export function problemAt(path: string, issues: readonly FieldIssue[]): string | undefined {
  return issues.find(({ field }) => field === path)?.message;
}

/** The problem of a value, or of a part of it. */
function problemBelow(path: string, issues: readonly FieldIssue[]): string | undefined {
  return issues.find(({ field }) => field === path || field.startsWith(`${path}.`) || field.startsWith(`${path}[`))
    ?.message;
}

function scalarOrNone(text: string): unknown {
  return text === '' ? undefined : parseScalar(text);
}

function objectOf(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

function withValue(values: Record<string, unknown>, name: string, value: unknown): Record<string, unknown> {
  const { [name]: _, ...others } = values;
  return value === undefined ? others : { ...others, [name]: value };
}
