import type { FileGroup, FieldIssue } from '../../../shared/api/views.ts';
import { bytes, counted } from '../ui/format.ts';
import { FileInspection } from './file-inspection.tsx';
import { FileOptionsForm } from './file-options-form.tsx';
import type { Inspected } from './use-inspections.ts';
import { type Transfer, type UploadState, uploadStore } from './upload-store.ts';

interface FileGroupsProps {
  groups: readonly FileGroup[];
  state: UploadState;
  issues: readonly FieldIssue[];
  /** In the order of the groups. */
  inspections: readonly Inspected[];
}

/** The datasets that the chosen files contain, with their transfers and options. */
export function FileGroups({ groups, state, issues, inspections }: FileGroupsProps) {
  return (
    <ul className="list file-groups" aria-label="Files">
      {groups.map((group, index) => {
        const prefix = `files[${index}].`;
        const ofFile = issues
          .filter(({ field }) => field.startsWith(prefix))
          .map(({ field, message }) => ({ field: field.slice(prefix.length), message }));
        return (
          <li key={group.path}>
            <FileGroupRow group={group} state={state} issues={ofFile} inspected={inspections[index]} />
          </li>
        );
      })}
    </ul>
  );
}

const KINDS = { vector: 'vector', raster: 'raster', tabular: 'table' };

interface FileGroupRowProps {
  group: FileGroup;
  state: UploadState;
  issues: FieldIssue[];
  inspected: Inspected | undefined;
}

function FileGroupRow({ group, state, issues, inspected }: FileGroupRowProps) {
  const { path, parts, type, format, problem } = group;
  const options = state.options[path] ?? {};
  const sizes = new Map(state.files.map((each) => [each.path, each.file.size]));
  const size = parts.reduce((sum, part) => sum + (sizes.get(part) ?? 0), 0);
  const endings = parts.slice(1).map((part) => part.slice(part.lastIndexOf('.')));
  const kind = type === null ? 'unknown format' : `${KINDS[type]}, ${format}`;
  return (
    <>
      <div className="list-row">
        <div>
          <strong className="break">{path}</strong>
          <p className="small muted">
            {[kind, bytes(size), endings.length > 0 ? `with ${endings.join(' ')}` : ''].filter(Boolean).join(' · ')}
          </p>
        </div>
        <button
          type="button"
          className="button"
          aria-label={`Remove ${path}`}
          onClick={() => uploadStore.removeFiles(parts)}
        >
          Remove
        </button>
      </div>
      {problem !== null && (
        <p className="form-problem" role="alert">
          {problem.message}
        </p>
      )}
      <TransferState path={path} parts={parts} size={size} transfers={state.transfers} />
      {inspected && (
        <FileInspection
          path={path}
          storedAt={state.transfers[path]?.storedAt}
          inspected={inspected}
          layer={options.layer}
        />
      )}
      <FileOptionsForm
        group={group}
        options={options}
        issues={issues}
        needsCrs={inspected?.data?.problem?.code.startsWith('CRS_') ?? false}
      />
    </>
  );
}

interface TransferStateProps {
  path: string;
  parts: readonly string[];
  size: number;
  transfers: UploadState['transfers'];
}

function TransferState({ path, parts, size, transfers }: TransferStateProps) {
  const known = parts.map((part) => transfers[part]).filter((transfer): transfer is Transfer => transfer !== undefined);
  if (known.length === 0) return null;
  const failed = known.find(({ state }) => state === 'failed');
  if (failed !== undefined)
    return (
      <div className="transfer" role="alert">
        <p className="form-problem">{failed.error?.message}</p>
        <button type="button" className="button" onClick={() => uploadStore.retry(parts)}>
          Upload again
        </button>
      </div>
    );
  if (known.every(({ state }) => state === 'stored')) return <p className="small transfer-done">✓ Uploaded</p>;
  const sent = known.reduce((sum, transfer) => sum + transfer.sent, 0);
  const isWaiting = known.every(({ state }) => state === 'waiting');
  return (
    <div className="transfer">
      <progress aria-label={`Upload of ${path}`} value={sent} max={Math.max(size, 1)} />
      <span className="small muted">
        {isWaiting ? `${counted(parts.length, 'file')} waiting` : `${bytes(sent)} of ${bytes(size)}`}
      </span>
    </div>
  );
}
