import { useSearchParams } from 'react-router';
import { Log } from '../log/log.tsx';
import { logPath } from '../log/read-log.ts';
import { Card } from '../ui/card.tsx';
import { useChangeParams } from '../ui/use-change-params.ts';

/** The lines of a run in the log. They are read on request, because the gateway reads the whole log file for them. */
export function RunLog({ runId }: { runId: string }) {
  const [params] = useSearchParams();
  const change = useChangeParams();
  const isShown = params.get('log') === 'shown';
  const toggle = () => change({ log: isShown ? undefined : 'shown' });
  return (
    <Card
      title="Log"
      aside={
        <button type="button" className="button" aria-expanded={isShown} onClick={toggle}>
          {isShown ? 'Hide log' : 'Show log'}
        </button>
      }
    >
      {isShown ? (
        <Log path={logPath(`/api/runs/${runId}/log`)} of="run" />
      ) : (
        <p className="muted">What the functions and the gateway logged for this run.</p>
      )}
    </Card>
  );
}
