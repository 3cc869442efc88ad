import { Link } from 'react-router';
import type { OverviewView } from '../../../shared/api/views.ts';
import { Card } from '../ui/card.tsx';
import { Command } from '../ui/command.tsx';
import { EmptyState } from '../ui/empty-state.tsx';
import { counted, duration } from '../ui/format.ts';
import { HourBars } from './hour-bars.tsx';
import { STATUS_ORDER, totalsOf } from './totals.ts';

/** Throughput and durations of each lane that had runs. */
export function LaneCards({ overview: { lanes, since } }: { overview: OverviewView }) {
  if (lanes.length === 0)
    return (
      <Card title="Throughput by lane">
        <EmptyState title="No run was started in the last 24 hours.">
          Ingest a file: <Command>npx sluice ingest FILE --dataset NAME</Command>
        </EmptyState>
      </Card>
    );
  return lanes.map(({ lane, hours, seconds }) => {
    const totals = totalsOf(hours);
    const runs = STATUS_ORDER.reduce((sum, status) => sum + totals[status], 0);
    return (
      <Card
        key={lane}
        title={`Lane ${lane}`}
        aside={seconds ? `mean ${duration(seconds.mean)}, longest ${duration(seconds.max)}` : 'no run has ended yet'}
      >
        <HourBars hours={hours} since={since} lane={lane} />
        <p className="legend">
          <Link to={`/runs?lane=${lane}&since=${encodeURIComponent(since)}`}>{counted(runs, 'run')}</Link>
          {STATUS_ORDER.filter((status) => totals[status] > 0).map((status) => (
            <span key={status} className={status}>
              <i aria-hidden="true" />
              {totals[status]} {status}
            </span>
          ))}
        </p>
      </Card>
    );
  });
}
