import { useEffect, useRef, useState } from 'react';
import { Link } from 'react-router';
import { EmptyState } from '../ui/empty-state.tsx';
import { exactTime } from '../ui/format.ts';
import { ErrorNotice } from '../ui/notice.tsx';
import type { LogLine } from './read-log.ts';
import { useLog } from './use-log.ts';

const CLOCK = new Intl.DateTimeFormat('en-US', {
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
  hour12: false,
});

/** The newest lines of a log. `path` is from logPath. Pausing keeps the shown lines. */
export function Log({ path, of }: { path: string; of: 'function' | 'run' }) {
  const [follows, setFollows] = useState(true);
  const [errorsOnly, setErrorsOnly] = useState(false);
  const { lines, error, isRead } = useLog(path, follows);
  const shown = errorsOnly ? lines.filter(({ level }) => level === 'warn' || level === 'error') : lines;
  return (
    <div className="stack">
      <div className="filters">
        <Option label="Follow" checked={follows} onChange={setFollows} />
        <Option label="Warnings and errors only" checked={errorsOnly} onChange={setErrorsOnly} />
      </div>
      {error && <ErrorNotice error={error} title="The log could not be read." />}
      {shown.length > 0 && <LogLines lines={shown} follows={follows} of={of} />}
      {shown.length === 0 && isRead && !error && (
        <EmptyState title={errorsOnly ? 'The log has no warning and no error.' : `The log has no line of this ${of}.`}>
          New lines appear here.
        </EmptyState>
      )}
    </div>
  );
}

function Option(props: { label: string; checked: boolean; onChange: (checked: boolean) => void }) {
  return (
    <label className="option">
      <input
        type="checkbox"
        className="checkbox"
        checked={props.checked}
        onChange={(event) => props.onChange(event.target.checked)}
      />
      {props.label}
    </label>
  );
}

/** A scrolling list that stays at its end. */
function LogLines({ lines, follows, of }: { lines: LogLine[]; follows: boolean; of: 'function' | 'run' }) {
  const frame = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (follows) frame.current?.scrollTo({ top: frame.current.scrollHeight });
  }, [lines, follows]);
  return (
    <div className="log" ref={frame} tabIndex={0} role="region" aria-label="Log lines">
      {lines.map((line) => (
        <div key={line.id} className="log-line" data-level={line.level}>
          <time dateTime={line.time} title={exactTime(line.time)}>
            {CLOCK.format(new Date(line.time))}
          </time>
          <span>{line.level}</span>
          <span>
            {line.message} {of === 'run' && <code>{line.name}</code>} <LogFields fields={fieldsOf(line, of)} />
          </span>
        </div>
      ))}
    </div>
  );
}

/** On the page of a run, each line has the same run and shows its function as a name. */
function fieldsOf({ fields }: LogLine, of: 'function' | 'run'): Record<string, unknown> {
  if (of === 'function') return fields;
  const { run: _run, run_id: _runId, function: _function, step: _step, ...others } = fields;
  return others;
}

function LogFields({ fields: { run, run_id = run, ...fields } }: { fields: Record<string, unknown> }) {
  const text = Object.entries(fields).map(([name, value]) => `${name}=${valueOf(value)}`);
  return (
    <span className="muted">
      {typeof run_id === 'string' && <Link to={`/runs/${run_id}`}>run {run_id.slice(0, 8)}</Link>} {text.join(' ')}
    </span>
  );
}

function valueOf(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}
