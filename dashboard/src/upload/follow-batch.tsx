import { useEffect, useState } from 'react';
import { Link } from 'react-router';
import type { BatchView, RunView } from '../../../shared/api/views.ts';
import { withQuery } from '../api/client.ts';
import { RunAssets } from '../run/run-assets.tsx';
import { RunError } from '../run/run-error.tsx';
import { StepTimeline } from '../run/step-timeline.tsx';
import { Card } from '../ui/card.tsx';
import { Notice } from '../ui/notice.tsx';
import { StatusBadge } from '../ui/status-badge.tsx';

interface FollowBatchProps {
  batch: BatchView;
  /** What the states of the run mean. */
  words?: Record<RunView['status'], string>;
}

/** The run of an uploaded manifest, from its upload to the asset. */
export function FollowBatch({ batch, words = UPLOAD_WORDS }: FollowBatchProps) {
  const run = useBatch(batch);
  const [asset] = run?.assets ?? [];
  return (
    <>
      <p aria-live="polite" className="follow-status">
        {run === undefined ? (
          'The manifest was uploaded. Waiting for its run…'
        ) : (
          <>
            <StatusBadge status={run.status} /> {words[run.status]}
          </>
        )}
      </p>
      {run?.status === 'success' && asset && (
        <Notice tone="info" title={run.reused ? 'This data is already in the lake.' : 'The data is in the lake.'}>
          <p>
            <Link className="button" data-kind="primary" to={`/assets/${asset.id}`}>
              Open {asset.dataset_id}, version {asset.version}
            </Link>
          </p>
        </Notice>
      )}
      {run && <RunError run={run} />}
      {run && (
        <div className="columns">
          <Card title="Steps" aside={run.run_id && <Link to={`/runs/${run.run_id}`}>Open the run</Link>}>
            <StepTimeline run={run} />
          </Card>
          <RunAssets run={run} />
        </div>
      )}
    </>
  );
}

const UPLOAD_WORDS: Record<RunView['status'], string> = {
  running: 'The files are being processed. You can leave this page.',
  success: 'The run is complete.',
  failure: 'The run failed. Correct the files or the options, and upload them again.',
  canceled: 'The run was canceled.',
};

/** The newest state of the run of a batch, from server-sent events; undefined until its manifest was read. */
function useBatch({ batch_id, manifest_key }: BatchView): RunView | undefined {
  const [run, setRun] = useState<RunView>();
  useEffect(() => {
    const path = `/api/batches/${encodeURIComponent(batch_id)}/events`;
    const source = new EventSource(withQuery(path, { manifest_key }));
    source.addEventListener('run', ({ data }: MessageEvent<string>) => {
      const next = JSON.parse(data) as RunView;
      setRun(next);
      if (next.archived) source.close();
    });
    return () => source.close();
  }, [batch_id, manifest_key]);
  return run;
}
