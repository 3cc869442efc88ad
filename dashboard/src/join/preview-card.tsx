import { type UseQueryResult, useQueryClient } from '@tanstack/react-query';
import type { JoinPreviewView } from '../../../shared/api/views.ts';
import { Card } from '../ui/card.tsx';
import { ErrorNotice, Notice } from '../ui/notice.tsx';
import { inWordsOfPage, isErrorOfData } from './messages.ts';
import { PreviewCounts } from './preview-counts.tsx';
import { PreviewRows } from './preview-rows.tsx';
import type { JoinConfig, JoinFlow } from './use-join.ts';

interface PreviewCardProps {
  join: JoinFlow;
  preview: UseQueryResult<JoinPreviewView>;
}

/** What the join would do, before it is started. */
export function PreviewCard({ join: { config, change }, preview }: PreviewCardProps) {
  return (
    <Card title="Preview" aside="Nothing is stored.">
      <div className="stack" aria-live="polite">
        {config === undefined ? (
          <p className="muted">Choose features, a table and their keys to see what matches.</p>
        ) : (
          <PreviewState config={config} preview={preview} />
        )}
        {preview.data?.problem && (
          <Notice tone="warning" title="Several rows of the table have the same key, so the run would fail.">
            <p>Keep one row for each key in the table, or repeat the feature for each of its rows.</p>
            <p>
              <button type="button" className="button" onClick={() => change({ duplicates: '1' })}>
                Repeat the features
              </button>
            </p>
            <p className="small muted">{preview.data.problem.code}</p>
          </Notice>
        )}
        {preview.data && <PreviewCounts preview={preview.data} />}
      </div>
      {preview.data && <PreviewRows sample={preview.data.sample} notes={preview.data.notes} />}
    </Card>
  );
}

function PreviewState({ config, preview }: { config: JoinConfig; preview: UseQueryResult<JoinPreviewView> }) {
  const client = useQueryClient();
  const { error, isFetching, data, refetch } = preview;
  if (isFetching)
    return (
      <p className="preview-state" role="status">
        Comparing the keys…{' '}
        <button
          type="button"
          className="button"
          onClick={() => void client.cancelQueries({ queryKey: ['join-preview', config] })}
        >
          Cancel
        </button>
      </p>
    );
  if (data !== undefined) return null;
  return (
    <>
      {error && <ErrorNotice error={inWordsOfPage(error)} title="The keys could not be compared." />}
      {!isErrorOfData(error) && (
        <p className="preview-state">
          {!error && 'The preview was canceled.'}
          <button type="button" className="button" onClick={() => void refetch()}>
            Compare the keys
          </button>
        </p>
      )}
    </>
  );
}
