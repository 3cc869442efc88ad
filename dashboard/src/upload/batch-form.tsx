import { useQuery } from '@tanstack/react-query';
import type { FieldIssue } from '../../../shared/api/views.ts';
import { datasetsQuery, manifestOptionsQuery, sessionQuery } from '../api/queries.ts';
import { FormField, SelectField, TextField } from './form-field.tsx';
import { typeOf } from './draft.ts';
import { uploadStore } from './upload-store.ts';
import type { UploadFlow } from './use-upload.ts';

/** The fields of the manifest that apply to all files. */
export function BatchForm({ upload }: { upload: UploadFlow }) {
  const { state, draft, groups, issues } = upload;
  const { form } = state;
  const session = useQuery(sessionQuery).data;
  const type = typeOf(groups);
  return (
    <div className="form-stack">
      <DatasetField upload={upload} />
      {type === 'vector' && <IntentField value={form.intent} problem={problemOf(issues, 'intent')} />}
      <FormField label="Description" problem={problemOf(issues, 'metadata.description')}>
        {(control) => (
          <textarea
            {...control}
            className="input form-text"
            rows={3}
            value={form.description ?? ''}
            placeholder="What the data shows, and where it comes from"
            onChange={({ target }) => uploadStore.setForm({ description: target.value })}
          />
        )}
      </FormField>
      <TextField
        label="Project"
        value={form.project}
        problem={problemOf(issues, 'metadata.project')}
        onChange={(project) => uploadStore.setForm({ project })}
      />
      {session?.login === false && (
        <TextField
          label="Your name"
          help="Recorded as the uploader."
          value={form.uploader}
          placeholder="anonymous"
          problem={problemOf(issues, 'uploader')}
          onChange={(uploader) => uploadStore.setForm({ uploader })}
        />
      )}
      <label className="option">
        <input
          type="checkbox"
          className="checkbox"
          checked={form.force ?? false}
          onChange={({ target }) => uploadStore.setForm({ force: target.checked })}
        />
        Create a new version even if the data is unchanged
      </label>
      {draft.files.length > 0 && <OtherIssues issues={issues} />}
    </div>
  );
}

function DatasetField({ upload: { draft, issues } }: { upload: UploadFlow }) {
  const datasets = useQuery(datasetsQuery).data;
  const id = draft.dataset_id;
  const exists = datasets?.some((dataset) => dataset.dataset_id === id) ?? false;
  const problem = problemOf(issues, 'metadata.tags.dataset_id');
  return (
    <FormField
      label="Dataset"
      problem={problem && `The name ${problem}.`}
      help={exists ? 'The dataset exists: it gets a new version.' : 'A new dataset is created.'}
    >
      {(control) => (
        <>
          <input
            {...control}
            className="input"
            value={id}
            list="datasets"
            spellCheck={false}
            autoComplete="off"
            required
            onChange={({ target }) => uploadStore.setForm({ dataset_id: target.value })}
          />
          <datalist id="datasets">
            {datasets?.map((dataset) => (
              <option key={dataset.dataset_id} value={dataset.dataset_id} />
            ))}
          </datalist>
        </>
      )}
    </FormField>
  );
}

function IntentField({ value, problem }: { value: string | undefined; problem: string | undefined }) {
  const recipes = useQuery(manifestOptionsQuery).data?.recipes ?? [];
  const chosen = recipes.find(({ intent }) => intent === (value || null));
  return (
    <SelectField
      label="Intent"
      help={chosen?.summary.replace(/^All other data\. /, 'For any features. ')}
      problem={problem}
      value={value}
      options={recipes.map(({ intent }) => [intent ?? '', intent ?? 'ingest_vector'])}
      onChange={(intent) => uploadStore.setForm({ intent })}
    />
  );
}

/** The fields that have a place in a form. */
const SHOWN =
  /^(?:files\[\d+\]\.(?:crs|layer|encoding|[xy]_column|wkt_column)|intent|uploader)$|^metadata\.(?:(?:tags\.dataset_id|description|project)$|(?:recipe|raster|tabular)\.)/;

/** Issues of fields that have no place in the forms. */
function OtherIssues({ issues }: { issues: readonly FieldIssue[] }) {
  const others = issues.filter(({ field }) => !SHOWN.test(field));
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
