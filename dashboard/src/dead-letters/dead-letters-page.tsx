import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import type { DeadLetterView } from '../../../shared/api/views.ts';
import { deadLettersQuery } from '../api/queries.ts';
import { ConfirmButton } from '../ui/confirm-button.tsx';
import { DataTable } from '../ui/data-table.tsx';
import { EmptyState } from '../ui/empty-state.tsx';
import { counted } from '../ui/format.ts';
import { Loaded } from '../ui/loaded.tsx';
import { Page } from '../ui/page.tsx';
import { pageOf, Pager, usePage } from '../ui/pager.tsx';
import { DEAD_LETTER_COLUMNS } from './dead-letter-columns.tsx';
import { SelectionContext } from './selection.ts';
import { useDecide } from './use-decide.ts';

/** The events that the router no longer retries. A person re-drives or discards them. */
export function DeadLettersPage() {
  const page = usePage();
  const letters = useQuery(deadLettersQuery({ page }));
  return (
    <Page
      title="Dead letters"
      summary="Events that the router no longer retries. Correct the cause, then re-drive them."
    >
      <Loaded query={letters}>
        {(rows) =>
          rows.length === 0 ? (
            <EmptyState title="There is no dead letter.">
              The router moves an event here when all its retries fail, or when its function fails with a permanent
              error of the installation. The page of a run shows errors in uploaded files.
            </EmptyState>
          ) : (
            <>
              <DeadLetterList rows={pageOf(rows)} />
              <Pager rows={rows} page={page} />
            </>
          )
        }
      </Loaded>
    </Page>
  );
}

const NONE: ReadonlySet<string> = new Set();

function DeadLetterList({ rows }: { rows: DeadLetterView[] }) {
  const [marked, setMarked] = useState(NONE);
  const ids = new Set(rows.map(({ id }) => id).filter((id) => marked.has(id)));
  const decide = useDecide(() => setMarked(NONE));
  const areAllSelected = ids.size === rows.length;
  const toggle = (id: string) =>
    setMarked(ids.has(id) ? new Set([...ids].filter((each) => each !== id)) : new Set([...ids, id]));
  const toggleAll = () => setMarked(areAllSelected ? NONE : new Set(rows.map(({ id }) => id)));
  const selected = counted(ids.size, 'dead letter');
  const disabled = ids.size === 0 || decide.isPending;
  return (
    <SelectionContext value={{ ids, toggle, toggleAll, areAllSelected }}>
      <div className="filters">
        <ConfirmButton
          label="Re-drive"
          title={`Re-drive ${selected}?`}
          danger={false}
          disabled={disabled}
          onConfirm={() => decide.mutate({ ids: [...ids], decision: 'redrive' })}
        >
          <p>The events are delivered again. An event whose function fails again becomes a dead letter again.</p>
        </ConfirmButton>
        <ConfirmButton
          label="Discard"
          title={`Discard ${selected}?`}
          disabled={disabled}
          onConfirm={() => decide.mutate({ ids: [...ids], decision: 'discard' })}
        >
          <p>The events are deleted. This cannot be undone. The activity log keeps who discarded them.</p>
        </ConfirmButton>
        <span className="muted" role="status">
          {ids.size === 0 ? 'Select dead letters to re-drive or discard them.' : `${selected} selected`}
        </span>
      </div>
      <div className="card">
        <DataTable caption="Dead letters" columns={DEAD_LETTER_COLUMNS} rows={rows} rowId={({ id }) => id} />
      </div>
    </SelectionContext>
  );
}
