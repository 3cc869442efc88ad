import { useId, useState } from 'react';
import { FormField, SelectField, TextField } from '../form-field.tsx';
import { parseNumber, parseScalar, scalarText } from './json-schema.ts';

/** The controls for values without fields of their own. */

export interface LabelProps {
  label: string;
  help: string | undefined;
  problem: string | undefined;
}

export interface ControlProps extends LabelProps {
  value: unknown;
  onChange: (value: unknown) => void;
}

export function Choice({ values, value, onChange, ...label }: ControlProps & { values: readonly string[] }) {
  return (
    <SelectField
      {...label}
      value={typeof value === 'string' ? value : ''}
      options={[['', 'Not set'], ...values.map((each) => [each, each === ' ' ? 'space' : each] as const)]}
      onChange={(changed) => onChange(changed || undefined)}
    />
  );
}

export function Flag({ value, onChange, ...label }: ControlProps) {
  return (
    <SelectField
      {...label}
      value={scalarText(value)}
      options={[
        ['', 'Not set'],
        ['true', 'Yes'],
        ['false', 'No'],
      ]}
      onChange={(changed) => onChange(changed === '' ? undefined : changed === 'true')}
    />
  );
}

interface TypedProps extends ControlProps {
  parse: (text: string) => unknown;
  show?: (value: unknown) => string;
}

/** Keeps what was typed: `1.` and `1.0` are the same number. */
export function Typed({ value, onChange, parse, show = textOf, ...label }: TypedProps) {
  const [text, setText] = useState(() => show(value));
  const change = (changed: string) => {
    setText(changed);
    onChange(parse(changed));
  };
  return <TextField {...label} value={text} onChange={change} />;
}

interface TextProps extends ControlProps {
  name: string;
  /** Suggested for the name of a column. */
  columns: readonly string[];
}

export function Text({ name, columns, value, onChange, ...label }: TextProps) {
  const id = useId();
  const suggests = /^columns?$/.test(name) && columns.length > 0;
  return (
    <FormField label={label.label} help={label.help} problem={label.problem}>
      {(control) => (
        <>
          <input
            {...control}
            className="input"
            value={textOf(value)}
            spellCheck={false}
            autoComplete="off"
            {...(suggests && { list: id })}
            onChange={({ target }) => onChange(target.value === '' ? undefined : target.value)}
          />
          {suggests && <Suggestions id={id} columns={columns} />}
        </>
      )}
    </FormField>
  );
}

export function Suggestions({ id, columns }: { id: string; columns: readonly string[] }) {
  return (
    <datalist id={id}>
      {columns.map((column) => (
        <option key={column} value={column} />
      ))}
    </datalist>
  );
}

export function Lines({ value, onChange, isScalar, ...label }: ControlProps & { isScalar: boolean }) {
  const [text, setText] = useState(() => (Array.isArray(value) ? value.map(scalarText).join('\n') : ''));
  const change = (changed: string) => {
    setText(changed);
    const lines = changed.split('\n').filter((line) => line !== '');
    onChange(lines.length === 0 ? undefined : isScalar ? lines.map(parseScalar) : lines);
  };
  return (
    <FormField {...label} help={[label.help, 'One in each line.'].filter(Boolean).join(' ')}>
      {(control) => (
        <textarea
          {...control}
          className="input form-text"
          rows={2}
          value={text}
          spellCheck={false}
          onChange={({ target }) => change(target.value)}
        />
      )}
    </FormField>
  );
}

export function Tuple({ labels, value, onChange, ...label }: ControlProps & { labels: readonly string[] }) {
  const values: unknown[] = Array.isArray(value) ? value : [];
  const change = (index: number, changed: unknown) => {
    const next = labels.map((_, at) => (at === index ? changed : values[at]));
    onChange(next.every((each) => each === undefined) ? undefined : next.map((each) => each ?? ''));
  };
  return (
    <fieldset className="form-group">
      <legend>{label.label}</legend>
      {label.problem && <p className="form-problem">{label.problem}</p>}
      <div className="form-tuple">
        {labels.map((each, index) => (
          <Typed
            key={each}
            label={each}
            help={undefined}
            problem={undefined}
            value={values[index] === '' ? undefined : values[index]}
            onChange={(changed) => change(index, changed)}
            parse={parseNumber}
          />
        ))}
      </div>
      {label.help && <p className="small muted">{label.help}</p>}
    </fieldset>
  );
}

function textOf(value: unknown): string {
  return typeof value === 'string' || typeof value === 'number' ? String(value) : '';
}
