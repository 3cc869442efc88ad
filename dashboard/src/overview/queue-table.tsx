import { Link } from 'react-router';
import type { OverviewView } from '../../../shared/api/views.ts';
import { Card } from '../ui/card.tsx';
import { count } from '../ui/format.ts';

/** The queues that hold events. */
export function QueueTable({ queues }: Pick<OverviewView, 'queues'>) {
  const busy = queues.filter(({ waiting, running }) => waiting + running > 0);
  return (
    <Card title="Queues" aside={<Link to="/functions">All functions</Link>} flush>
      {busy.length === 0 ? (
        <p className="card-body muted">All queues are empty.</p>
      ) : (
        <ul className="list">
          {busy.map((queue) => (
            <li key={queue.function} className="list-row">
              <Link to={`/functions/${queue.function}`}>{queue.function}</Link>
              <span className="muted">
                {count(queue.waiting)} waiting, {count(queue.running)} running
              </span>
            </li>
          ))}
        </ul>
      )}
    </Card>
  );
}
