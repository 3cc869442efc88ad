import { Link } from 'react-router';
import type { RunView, StepView } from '../../../shared/api/views.ts';
import { counted, duration } from '../ui/format.ts';
import { RelativeTime } from '../ui/relative-time.tsx';

const MARKS: Record<StepView['status'], string> = { done: '✓', running: '●', failed: '✕', canceled: '–', pending: '' };
const NAMES: Record<StepView['status'], string> = {
  done: 'done',
  running: 'running',
  failed: 'failed',
  canceled: 'canceled',
  pending: 'not started',
};

/** The steps of a run in their order, with attempts, durations and errors. */
export function StepTimeline({ run }: { run: RunView }) {
  if (run.steps.length === 0) return <p className="muted">The manifest started no run.</p>;
  return (
    <ol className="timeline">
      {run.steps.map((step) => (
        <li key={step.name}>
          <div className="timeline-mark" aria-hidden="true">
            <span className="timeline-dot" data-status={step.status}>
              {MARKS[step.status]}
            </span>
            <span className="timeline-line" />
          </div>
          <div className="timeline-text">
            <div className="timeline-head">
              <strong>
                <Link to={`/functions/${step.name}`}>{step.name}</Link>
              </strong>
              <span className="muted">{stateOf(step, run)}</span>
            </div>
            {step.started_at !== null && (
              <p className="small muted">
                started <RelativeTime time={step.started_at} />
                {step.attempt > 1 && `, ${counted(step.attempt, 'attempt')}`}
              </p>
            )}
            {step.error && step.status !== 'done' && step.error.message !== run.error?.message && (
              <p className="small break">
                <strong>{step.error.code}</strong> {step.error.message}
              </p>
            )}
          </div>
        </li>
      ))}
    </ol>
  );
}

function stateOf(step: StepView, run: RunView): string {
  if (step.status === 'canceled') return NAMES.canceled;
  if (step.seconds !== null) return `${NAMES[step.status]} in ${duration(step.seconds)}`;
  if (step.status === 'pending' && run.status !== 'running' && step.name !== 'archive') return 'not executed';
  return NAMES[step.status];
}
