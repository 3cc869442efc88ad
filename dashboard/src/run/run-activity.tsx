import { useQuery } from '@tanstack/react-query';
import { runActivityQuery } from '../api/queries.ts';
import { Card } from '../ui/card.tsx';
import { Loaded } from '../ui/loaded.tsx';
import { RelativeTime } from '../ui/relative-time.tsx';

/** What happened to a run, newest first. */
export function RunActivity({ runId }: { runId: string }) {
  const activity = useQuery(runActivityQuery(runId));
  return (
    <Card title="Activity" flush>
      <Loaded query={activity}>
        {(entries) =>
          entries.length === 0 ? (
            <p className="card-body muted">Nothing was recorded yet.</p>
          ) : (
            <ul className="list">
              {entries.map((entry) => (
                <li key={entry.id} className="list-row">
                  <span className="break">{entry.message}</span>
                  <span className="muted small">
                    <RelativeTime time={entry.at} />
                  </span>
                </li>
              ))}
            </ul>
          )
        }
      </Loaded>
    </Card>
  );
}
