import type { FunctionCallsView } from '../../../shared/api/views.ts';
import { Card } from '../ui/card.tsx';
import { count, counted, duration } from '../ui/format.ts';
import { RunLink } from '../ui/links.tsx';
import { RelativeTime } from '../ui/relative-time.tsx';
import { heightOf, StackedBars } from '../ui/stacked-bars.tsx';

const MINUTES = 60;
const MINUTE_MS = 60_000;
const CLOCK = new Intl.DateTimeFormat('en-US', { hour: '2-digit', minute: '2-digit', hour12: false });

type Minute = FunctionCallsView['minutes'][number];

/** The calls of a function in the last hour: how many, how long, and the last errors. */
export function CallCharts({ calls }: { calls: FunctionCallsView }) {
  const minutes = allMinutes(calls);
  const start = CLOCK.format(Date.parse(calls.since));
  const counts = minutes.map(({ minute, calls: ended, failures }) => ({
    key: minute,
    title: `${CLOCK.format(Date.parse(minute))}: ${counted(ended, 'call')}, ${count(failures)} failed`,
    parts: [
      { tone: 'success', value: ended - failures },
      { tone: 'failure', value: failures },
    ],
  }));
  const times = minutes.map(({ minute, seconds }) => ({
    key: minute,
    title: `${CLOCK.format(Date.parse(minute))}: ${secondsTextOf(seconds)}`,
    parts: [
      { tone: 'running', value: seconds?.p50 ?? 0 },
      { tone: 'canceled', value: (seconds?.p95 ?? 0) - (seconds?.p50 ?? 0) },
    ],
  }));
  const summary = `${counted(calls.calls, 'call')}, ${count(calls.failures)} failed`;
  const secondsText = secondsTextOf(calls.seconds);
  return (
    <div className="columns">
      <Card title="Calls in the last hour" aside={summary}>
        <StackedBars
          bars={counts}
          label={`Calls in the last hour: ${summary}.`}
          scale={[start, `highest: ${counted(Math.max(0, ...counts.map(heightOf)), 'call')} per minute`, 'now']}
        />
        <Errors errors={calls.errors} />
      </Card>
      <Card title="Durations" aside={secondsText}>
        <StackedBars
          bars={times}
          label={`Durations in the last hour: ${secondsText}.`}
          scale={[start, `highest: ${duration(Math.max(0, ...times.map(heightOf)))}`, 'now']}
        />
        <p className="small muted">Blue: half of the calls of a minute ended within this time. Gray: 95 %.</p>
      </Card>
    </div>
  );
}

function secondsTextOf(seconds: FunctionCallsView['seconds']): string {
  if (!seconds) return 'no call ended';
  return `half within ${duration(seconds.p50)}, 95 % within ${duration(seconds.p95)}`;
}

/** Every minute of the hour, also those in which no call ended. */
function allMinutes({ since, minutes }: FunctionCallsView): Minute[] {
  const known = new Map(minutes.map((minute) => [Date.parse(minute.minute), minute]));
  return Array.from({ length: MINUTES }, (_, index) => {
    const time = Date.parse(since) + index * MINUTE_MS;
    return known.get(time) ?? { minute: new Date(time).toISOString(), calls: 0, failures: 0, seconds: null };
  });
}

function Errors({ errors }: Pick<FunctionCallsView, 'errors'>) {
  if (errors.length === 0) return <p className="small muted">No call has failed since the gateway started.</p>;
  return (
    <>
      <h3 className="small">Last errors</h3>
      <ul className="list">
        {errors.map(({ at, code, message, run_id: runId }, index) => (
          <li key={index} className="list-row">
            <span className="break">
              {message} <span className="muted small">{code}</span> {runId && <RunLink runId={runId} />}
            </span>
            <span className="muted small nowrap">
              <RelativeTime time={at} />
            </span>
          </li>
        ))}
      </ul>
    </>
  );
}
