import { type FormEvent, useState } from 'react';
import { type ColumnInfo, type Operator, OPERATORS, type RowQuery } from './messages.ts';

interface ColumnFilterProps {
  columns: ColumnInfo[];
  /** The applied condition, with which the form begins. */
  filter: RowQuery['filter'];
  onFilter: (filter: RowQuery['filter']) => void;
}

/** A condition on one column. It is applied with the button, because it reads the column of the whole file. */
export function ColumnFilter({ columns, filter, onFilter }: ColumnFilterProps) {
  const choices = columns.filter(({ isNested }) => !isNested);
  const [column, setColumn] = useState(filter?.column ?? choices[0]?.name ?? '');
  const [operator, setOperator] = useState<Operator>(filter?.operator ?? 'contains');
  const [text, setText] = useState(filter?.text ?? '');
  const needsText = !operator.startsWith('is');
  const submit = (event: FormEvent) => {
    event.preventDefault();
    onFilter(needsText && text.trim() === '' ? undefined : { column, operator, text });
  };
  const clear = () => {
    setText('');
    setOperator('contains');
    onFilter(undefined);
  };
  if (choices.length === 0) return null;
  return (
    <form className="column-filter" onSubmit={submit}>
      <label>
        <span className="visually-hidden">Column</span>
        <select className="field" value={column} onChange={(event) => setColumn(event.target.value)}>
          {choices.map(({ name }) => (
            <option key={name}>{name}</option>
          ))}
        </select>
      </label>
      <label>
        <span className="visually-hidden">Condition</span>
        <select className="field" value={operator} onChange={(event) => setOperator(event.target.value as Operator)}>
          {OPERATORS.map((each) => (
            <option key={each}>{each}</option>
          ))}
        </select>
      </label>
      {needsText && (
        <label>
          <span className="visually-hidden">Value</span>
          <input className="field" value={text} placeholder="Value" onChange={(event) => setText(event.target.value)} />
        </label>
      )}
      <button type="submit" className="button">
        Filter
      </button>
      <button type="button" className="button" onClick={clear}>
        Clear
      </button>
    </form>
  );
}
