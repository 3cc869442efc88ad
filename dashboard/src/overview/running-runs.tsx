import { useQuery } from '@tanstack/react-query';
import { Link } from 'react-router';
import { runsQuery } from '../api/queries.ts';
import { Card } from '../ui/card.tsx';
import { Loaded } from '../ui/loaded.tsx';
import { RelativeTime } from '../ui/relative-time.tsx';

const SHOWN = 8;

/** The runs that have not ended, with their current step. */
export function RunningRuns() {
  const runs = useQuery(runsQuery({ status: 'running' }));
  return (
    <Card title="Running now" aside={<Link to="/runs">All runs</Link>} flush>
      <Loaded query={runs}>
        {(rows) =>
          rows.length === 0 ? (
            <p className="card-body muted">No run is running.</p>
          ) : (
            <ul className="list">
              {rows.slice(0, SHOWN).map((run) => (
                <li key={run.run_id} className="list-row">
                  <Link to={`/runs/${run.run_id}`} className="break">
                    {run.batch_id}
                  </Link>
                  <span className="muted">
                    {run.steps.find(({ status }) => status !== 'done')?.name ?? 'ending'}, started{' '}
                    <RelativeTime time={run.created_at} />
                  </span>
                </li>
              ))}
              {rows.length > SHOWN && (
                <li>
                  <Link to="/runs?status=running">All running runs</Link>
                </li>
              )}
            </ul>
          )
        }
      </Loaded>
    </Card>
  );
}
