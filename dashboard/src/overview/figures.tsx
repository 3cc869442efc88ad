import { Link } from 'react-router';
import type { OverviewView } from '../../../shared/api/views.ts';
import { count, duration } from '../ui/format.ts';
import { totalsOf } from './totals.ts';

/** The numbers that an operator reads first. Each is a link to its list. */
export function Figures({ overview }: { overview: OverviewView }) {
  const { running, dead_letters, queues, lanes, since } = overview;
  const { success, failure } = totalsOf(lanes.flatMap(({ hours }) => hours));
  const waiting = queues.reduce((sum, queue) => sum + queue.waiting, 0);
  const slowest = Math.max(0, ...lanes.map(({ seconds }) => seconds?.max ?? 0));
  const from = `since=${encodeURIComponent(since)}`;
  return (
    <div className="figures">
      <Figure
        to="/runs?status=running"
        name="Running"
        value={count(running)}
        detail="runs now"
        tone={running > 0 ? 'running' : undefined}
      />
      <Figure
        to={`/runs?status=failure&${from}`}
        name="Failed"
        value={count(failure)}
        detail="runs in 24 hours"
        tone={failure > 0 ? 'failure' : undefined}
      />
      <Figure
        to={`/runs?status=success&${from}`}
        name="Succeeded"
        value={count(success)}
        detail={slowest > 0 ? `slowest run ${duration(slowest)}` : 'runs in 24 hours'}
      />
      <Figure to="/functions" name="Waiting" value={count(waiting)} detail="events in queues" />
      <Figure
        to="/dead-letters"
        name="Dead letters"
        value={count(dead_letters)}
        detail={dead_letters > 0 ? 're-drive or discard' : 'none'}
        tone={dead_letters > 0 ? 'failure' : undefined}
      />
    </div>
  );
}

interface FigureProps {
  to: string;
  name: string;
  value: string;
  detail: string;
  tone?: 'running' | 'failure' | undefined;
}

function Figure({ to, name, value, detail, tone }: FigureProps) {
  return (
    <Link to={to} className="figure" data-tone={tone}>
      <span className="figure-name">{name}</span>
      <span className="figure-value">{value}</span>
      <span className="figure-detail">{detail}</span>
    </Link>
  );
}
