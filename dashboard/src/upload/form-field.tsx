import { type ReactNode, useId } from 'react';

export interface FormFieldProps {
  label: string;
  /** What the field means. */
  help?: string | undefined;
  /** What is wrong with the value. */
  problem?: string | undefined;
  /** The control gets these properties. */
  children: (control: { id: string; 'aria-describedby'?: string; 'aria-invalid'?: true }) => ReactNode;
}

/** A labeled control of a form, with its help and its problem. */
export function FormField({ label, help, problem, children }: FormFieldProps) {
  const id = useId();
  const described = [problem && `${id}-problem`, help && `${id}-help`].filter(Boolean).join(' ');
  return (
    <div className="form-field">
      <label htmlFor={id}>{label}</label>
      {children({
        id,
        ...(described && { 'aria-describedby': described }),
        ...(problem && { 'aria-invalid': true as const }),
      })}
      {problem && (
        <p id={`${id}-problem`} className="form-problem">
          {problem}
        </p>
      )}
      {help && (
        <p id={`${id}-help`} className="small muted">
          {help}
        </p>
      )}
    </div>
  );
}

interface ValueProps extends Omit<FormFieldProps, 'children'> {
  value: string | undefined;
  onChange: (value: string) => void;
}

export function TextField({ value = '', onChange, placeholder, ...field }: ValueProps & { placeholder?: string }) {
  return (
    <FormField {...field}>
      {(control) => (
        <input
          {...control}
          className="input"
          value={value}
          placeholder={placeholder}
          spellCheck={false}
          autoComplete="off"
          onChange={(event) => onChange(event.target.value)}
        />
      )}
    </FormField>
  );
}

interface SelectProps extends ValueProps {
  /** Values with their names. */
  options: readonly (readonly [value: string, name: string])[];
}

export function SelectField({ value = '', onChange, options, ...field }: SelectProps) {
  return (
    <FormField {...field}>
      {(control) => (
        <select {...control} className="input" value={value} onChange={(event) => onChange(event.target.value)}>
          {options.map(([each, name]) => (
            <option key={each} value={each}>
              {name}
            </option>
          ))}
        </select>
      )}
    </FormField>
  );
}
