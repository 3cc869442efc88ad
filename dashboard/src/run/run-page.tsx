import { useParams } from 'react-router';
import type { RunView } from '../../../shared/api/views.ts';
import { secondsOf } from '../runs/run-columns.tsx';
import { Card } from '../ui/card.tsx';
import { duration } from '../ui/format.ts';
import { Loaded } from '../ui/loaded.tsx';
import { Page } from '../ui/page.tsx';
import { RelativeTime } from '../ui/relative-time.tsx';
import { StatusBadge } from '../ui/status-badge.tsx';
import { RunActions } from './run-actions.tsx';
import { RunActivity } from './run-activity.tsx';
import { RunAssets } from './run-assets.tsx';
import { RunError } from './run-error.tsx';
import { RunFacts } from './run-facts.tsx';
import { RunLog } from './run-log.tsx';
import { StepTimeline } from './step-timeline.tsx';
import { useLiveRun } from './use-live-run.ts';

/** One run, live until it is archived. */
export function RunPage() {
  const { runId = '' } = useParams();
  const query = useLiveRun(runId);
  const run = query.data;
  return (
    <Page
      title={`Run ${run?.batch_id ?? runId}`}
      heading={run?.batch_id ?? runId}
      parent={{ to: '/runs', name: 'Runs' }}
      actions={run && <RunActions run={run} />}
      summary={run && <Summary run={run} />}
    >
      <Loaded query={query}>
        {(data) => (
          <>
            <RunError run={data} />
            <div className="columns">
              <div className="stack">
                <Card title="Steps">
                  <StepTimeline run={data} />
                </Card>
                <RunActivity runId={runId} />
                <RunLog runId={runId} />
              </div>
              <div className="stack">
                <RunAssets run={data} />
                <RunFacts run={data} />
              </div>
            </div>
          </>
        )}
      </Loaded>
    </Page>
  );
}

function Summary({ run }: { run: RunView }) {
  const seconds = secondsOf(run);
  return (
    <span aria-live="polite">
      <StatusBadge status={run.status} /> started <RelativeTime time={run.created_at} />
      {run.operator && ` by ${run.operator}`}
      {seconds !== null && `, took ${duration(seconds)}`}
    </span>
  );
}
