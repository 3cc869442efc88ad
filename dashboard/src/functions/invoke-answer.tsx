import { Card } from '../ui/card.tsx';
import { duration } from '../ui/format.ts';
import { StatusBadge } from '../ui/status-badge.tsx';
import type { Answer } from './invoke.ts';

const FIRST_ERROR = 400;

/** The response of a call: status, time, headers and body. */
export function InvokeAnswer({ answer: { status, headers, body, milliseconds } }: { answer: Answer }) {
  const failed = status >= FIRST_ERROR;
  return (
    <Card title="Response" aside={duration(milliseconds / 1000)}>
      <div className="stack" role="status">
        <p>
          <StatusBadge status={failed ? 'failure' : 'success'} label={`HTTP ${status}`} />
        </p>
        <pre className="json" tabIndex={0} role="region" aria-label="Headers">
          {headers.map(([name, value]) => `${name}: ${value}`).join('\n')}
        </pre>
        {body === '' ? (
          <p className="muted">
            The body is empty{status === 202 ? ': the call is in the queue' : ': no reply event'}.
          </p>
        ) : (
          <pre className="json" tabIndex={0} role="region" aria-label="Body">
            {body}
          </pre>
        )}
      </div>
    </Card>
  );
}
