import { useEffect, useState } from 'react';
import { count, counted } from '../../ui/format.ts';
import { Histogram } from './histogram.tsx';
import type { ColumnInfo, ColumnSummary, OpenedTable } from './messages.ts';
import type { TableClient } from './use-table-file.ts';

/** Columns that are summarized without a request of the user. */
const FIRST_COLUMNS = 12;

/** Range, nulls and distribution of each column. */
export function ColumnCards({ client, table }: { client: TableClient; table: OpenedTable }) {
  const [shown, setShown] = useState(FIRST_COLUMNS);
  const columns = table.columns.filter(({ isNested }) => !isNested);
  return (
    <>
      <ul className="column-cards">
        {columns.slice(0, shown).map((column) => (
          <ColumnCard key={column.name} client={client} column={column} rowCount={table.rowCount} />
        ))}
      </ul>
      {columns.length > shown && (
        <button type="button" className="button" onClick={() => setShown(shown + FIRST_COLUMNS)}>
          Show more of {counted(columns.length, 'column')}
        </button>
      )}
    </>
  );
}

interface ColumnCardProps {
  client: TableClient;
  column: ColumnInfo;
  rowCount: number;
}

function ColumnCard({ client, column, rowCount }: ColumnCardProps) {
  const [summary, setSummary] = useState<ColumnSummary>();
  const [error, setError] = useState<string>();
  useEffect(() => {
    const controller = new AbortController();
    client.call('summarize', column.name, { signal: controller.signal }).then(setSummary, (reason: unknown) => {
      if (!controller.signal.aborted) setError((reason as Error).message);
    });
    return () => controller.abort();
  }, [client, column.name]);
  return (
    <li className="column-card">
      <h3>
        {column.name} <span className="column-type">{column.type}</span>
      </h3>
      {error !== undefined && <p role="alert">{error}</p>}
      {summary && <Distribution name={column.name} summary={summary} />}
      {summary && (
        <p className="small muted">
          {[nullsText(summary.nulls), summary.sampled < rowCount && `sample of ${counted(summary.sampled, 'row')}`]
            .filter(Boolean)
            .join(' · ')}
        </p>
      )}
    </li>
  );
}

function nullsText(nulls: number | undefined): string | undefined {
  if (nulls === undefined) return undefined;
  return nulls === 0 ? 'no nulls' : counted(nulls, 'null');
}

function Distribution({ name, summary }: { name: string; summary: ColumnSummary }) {
  const { histogram, frequent, min, max, sampled } = summary;
  if (histogram)
    return (
      <>
        <Histogram label={`Distribution of ${name}`} {...histogram} />
        <p className="column-range">
          <span>{min ?? histogram.from}</span>
          <span>{max ?? histogram.to}</span>
        </p>
      </>
    );
  if (!frequent) return null;
  return (
    <>
      <ul className="frequent">
        {frequent.values.map(({ text, count: times }) => (
          <li key={text}>
            <meter min={0} max={sampled} value={times} aria-hidden="true" />
            <span className="frequent-text">{text === '' ? '(empty text)' : text}</span>
            <span className="muted">{count(times)}</span>
          </li>
        ))}
      </ul>
      <p className="small muted">
        {counted(frequent.distinct, 'different value')}
        {frequent.values.length === 0 && frequent.distinct > 0 ? ', too many for a list' : ''}
      </p>
    </>
  );
}
