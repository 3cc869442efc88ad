import { useQuery } from '@tanstack/react-query';
import type { FieldIssue } from '../../../shared/api/views.ts';
import { datasetsQuery, sessionQuery } from '../api/queries.ts';
import { FormField, TextField } from '../upload/form-field.tsx';
import type { JoinFlow, JoinForm as Form } from './use-join.ts';

interface JoinFormProps {
  join: JoinFlow;
  form: Form;
  onChange: (form: Form) => void;
}

/** The kind of the join, and the new dataset. */
export function JoinForm({ join, form, onChange }: JoinFormProps) {
  const { choice, change, issues } = join;
  const session = useQuery(sessionQuery).data;
  return (
    <div className="form-stack">
      <fieldset className="form-group">
        <legend>Features without a row</legend>
        {HOWS.map(([how, name]) => (
          <label key={how} className="option">
            <input
              type="radio"
              className="checkbox"
              name="how"
              checked={(choice.how === 'inner' ? 'inner' : 'left') === how}
              onChange={() => change({ how: how === 'left' ? '' : how })}
            />
            {name}
          </label>
        ))}
      </fieldset>
      <label className="option">
        <input
          type="checkbox"
          className="checkbox"
          checked={choice.duplicates === '1'}
          onChange={({ target }) => change({ duplicates: target.checked ? '1' : '' })}
        />
        Repeat a feature for each row with its key
      </label>
      <DatasetField join={join} value={form.dataset} onChange={(dataset) => onChange({ ...form, dataset })} />
      <FormField label="Description" problem={problemOf(issues, 'metadata.description')}>
        {(control) => (
          <textarea
            {...control}
            className="input form-text"
            rows={3}
            value={form.description}
            placeholder="What the joined data shows"
            onChange={({ target }) => onChange({ ...form, description: target.value })}
          />
        )}
      </FormField>
      {session?.login === false && (
        <TextField
          label="Your name"
          help="Recorded as the uploader."
          value={form.uploader}
          placeholder="anonymous"
          problem={problemOf(issues, 'uploader')}
          onChange={(uploader) => onChange({ ...form, uploader })}
        />
      )}
      <OtherIssues issues={issues} />
    </div>
  );
}

const HOWS = [
  ['left', 'Keep them (left join)'],
  ['inner', 'Omit them (inner join)'],
] as const;

interface DatasetFieldProps {
  join: JoinFlow;
  value: string;
  onChange: (value: string) => void;
}

/** An empty name is the proposed one. */
function DatasetField({ join: { draft, issues, config }, value, onChange }: DatasetFieldProps) {
  const datasets = useQuery(datasetsQuery).data;
  const exists = datasets?.some(({ dataset_id }) => dataset_id === draft.dataset_id) ?? false;
  const problem = problemOf(issues, DATASET_FIELD);
  const help = exists ? 'The dataset exists: it gets a new version.' : 'A new dataset is created.';
  return (
    <FormField label="New dataset" problem={problem && `The name ${problem}.`} help={config && help}>
      {(control) => (
        <input
          {...control}
          className="input"
          value={value}
          placeholder={draft.dataset_id}
          spellCheck={false}
          autoComplete="off"
          onChange={({ target }) => onChange(target.value)}
        />
      )}
    </FormField>
  );
}

const DATASET_FIELD = 'metadata.tags.dataset_id';
const SHOWN: ReadonlySet<string> = new Set([DATASET_FIELD, 'metadata.description', 'uploader']);

/** Issues of fields that have no place in the form. */
function OtherIssues({ issues }: { issues: readonly FieldIssue[] }) {
  const others = issues.filter(({ field }) => !SHOWN.has(field));
  if (others.length === 0) return null;
  return (
    <div className="form-problem" role="alert">
      {others.map(({ field, message }) => (
        <p key={field + message}>{message.startsWith(field) ? message : `${field} ${message}`}</p>
      ))}
    </div>
  );
}

function problemOf(issues: readonly FieldIssue[], name: string): string | undefined {
  return issues.find(({ field }) => field === name)?.message;
}
