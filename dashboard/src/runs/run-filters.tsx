import { type ReactNode, useEffect, useState } from 'react';
import type { LaneOverview, RunView } from '../../../shared/api/views.ts';
import type { RunFilter } from '../api/queries.ts';
import { localInput, utcTime } from './local-time.ts';
import type { FilterField } from './use-run-filter.ts';

// As keys of records, so that the type checker finds a status or lane that is missing.
const STATUSES = Object.keys({ running: 0, success: 0, failure: 0, canceled: 0 } satisfies Record<
  RunView['status'],
  0
>);
const LANES = Object.keys({ vector: 0, raster: 0, tabular: 0, join: 0 } satisfies Record<LaneOverview['lane'], 0>);
/** Each keystroke would be a request. */
const TYPING_MS = 300;

export interface RunFiltersProps {
  filter: RunFilter;
  onChange: (field: FilterField, value: string) => void;
}

export function RunFilters({ filter, onChange }: RunFiltersProps) {
  return (
    <search className="filters" aria-label="Filter of the runs">
      <Choice
        name="Status"
        all="All statuses"
        values={STATUSES}
        value={filter.status}
        onChange={(value) => onChange('status', value)}
      />
      <Choice
        name="Lane"
        all="All lanes"
        values={LANES}
        value={filter.lane}
        onChange={(value) => onChange('lane', value)}
      />
      <Typed
        name="Dataset"
        value={filter.dataset_id}
        placeholder="exact name"
        onChange={(value) => onChange('dataset_id', value)}
      />
      <Typed
        name="Search"
        value={filter.text}
        placeholder="batch, uploader"
        onChange={(value) => onChange('text', value)}
      />
      <Moment name="From" value={filter.since} onChange={(value) => onChange('since', value)} />
      <Moment name="Until" value={filter.until} onChange={(value) => onChange('until', value)} />
    </search>
  );
}

function Field({ name, children }: { name: string; children: ReactNode }) {
  return (
    <label className="field">
      <span>{name}</span>
      {children}
    </label>
  );
}

interface ChoiceProps {
  name: string;
  all: string;
  values: string[];
  value: string | undefined;
  onChange: (value: string) => void;
}

function Choice({ name, all, values, value = '', onChange }: ChoiceProps) {
  return (
    <Field name={name}>
      <select className="input" value={value} onChange={(event) => onChange(event.target.value)}>
        <option value="">{all}</option>
        {values.map((each) => (
          <option key={each}>{each}</option>
        ))}
      </select>
    </Field>
  );
}

interface TypedProps {
  name: string;
  value: string | undefined;
  placeholder: string;
  onChange: (value: string) => void;
}

/** A text that is applied when the user pauses. */
function Typed({ name, value = '', placeholder, onChange }: TypedProps) {
  const [applied, setApplied] = useState(value);
  const [text, setText] = useState(value);
  if (applied !== value) {
    // The URL changed: a link or the back button.
    setApplied(value);
    setText(value);
  }
  useEffect(() => {
    if (text === value) return;
    const timer = setTimeout(() => onChange(text.trim()), TYPING_MS);
    return () => clearTimeout(timer);
  }, [text, value, onChange]);
  return (
    <Field name={name}>
      <input
        className="input"
        type="search"
        value={text}
        placeholder={placeholder}
        onChange={(event) => setText(event.target.value)}
      />
    </Field>
  );
}

function Moment({ name, value, onChange }: Omit<TypedProps, 'placeholder'>) {
  return (
    <Field name={name}>
      <input
        className="input"
        type="datetime-local"
        value={localInput(value)}
        onChange={(event) => onChange(utcTime(event.target.value))}
      />
    </Field>
  );
}
