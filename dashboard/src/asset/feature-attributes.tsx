import { useEffect, useState } from 'react';
import { count } from '../ui/format.ts';
import type { OpenedTable, TableRow } from './table/messages.ts';
import type { TableClient } from './table/use-table-file.ts';

interface FeatureAttributesProps {
  client: TableClient;
  table: OpenedTable;
  row: number;
  onClose: () => void;
}

/** The attributes of the selected feature. */
export function FeatureAttributes({ client, table, row, onClose }: FeatureAttributesProps) {
  const [loaded, setLoaded] = useState<{ row: TableRow } | { error: string }>();
  useEffect(() => {
    const controller = new AbortController();
    client.call('row', row, { signal: controller.signal }).then(
      (found) => setLoaded(found ? { row: found } : { error: 'The file does not contain this row.' }),
      (reason: unknown) => {
        if (!controller.signal.aborted) setLoaded({ error: (reason as Error).message });
      },
    );
    return () => controller.abort();
  }, [client, row]);
  return (
    <aside className="feature-attributes" aria-label="Attributes of the selected feature">
      <div className="feature-head">
        <h3>Row {count(row + 1)}</h3>
        <button type="button" className="button" onClick={onClose}>
          Close
        </button>
      </div>
      {!loaded && <p>Reading the attributes…</p>}
      {loaded && 'error' in loaded && <p role="alert">{loaded.error}</p>}
      {loaded && 'row' in loaded && (
        <dl>
          {table.columns.map(({ name }, index) => (
            <div key={name}>
              <dt>{name}</dt>
              <dd className={loaded.row.cells[index] === null ? 'cell-null' : 'break'}>
                {loaded.row.cells[index] ?? 'null'}
              </dd>
            </div>
          ))}
        </dl>
      )}
    </aside>
  );
}
