import { useMutation } from '@tanstack/react-query';
import { useEffect, useRef, useState } from 'react';
import type { FindingView, ReconciliationReply, ReconciliationView } from '../../../shared/api/views.ts';
import { ApiError, getJson, withQuery } from '../api/client.ts';
import { Card } from '../ui/card.tsx';
import { columnHelper, DataTable } from '../ui/data-table.tsx';
import { count, counted } from '../ui/format.ts';
import { ErrorNotice, Notice } from '../ui/notice.tsx';
import { Page } from '../ui/page.tsx';

/** Compares the ledger with the lake on request. */
export function ReconcilePage() {
  const [isDeep, setDeep] = useState(false);
  const comparison = useComparison();
  return (
    <Page
      title="Reconcile"
      summary="Compares the ledger with the objects and the catalog of the lake. It changes nothing."
    >
      <form
        className="filters"
        onSubmit={(event) => {
          event.preventDefault();
          comparison.mutate(isDeep);
        }}
      >
        <label className="option">
          <input
            type="checkbox"
            className="checkbox"
            checked={isDeep}
            onChange={(event) => setDeep(event.target.checked)}
          />
          Read every object and compare its content
        </label>
        <button type="submit" className="button" data-kind="primary" disabled={comparison.isPending}>
          {comparison.isPending ? 'Comparing…' : 'Compare'}
        </button>
      </form>
      {comparison.error && <ErrorNotice error={comparison.error} title="Ledger and lake could not be compared." />}
      {comparison.data && !comparison.isPending && <Result {...comparison.data} />}
    </Page>
  );
}

/** A comparison ends when the user leaves the page. */
function useComparison() {
  const running = useRef<AbortController>(null);
  useEffect(() => () => running.current?.abort(), []);
  return useMutation({
    mutationFn: async (deep: boolean) => {
      running.current = new AbortController();
      const path = withQuery('/api/reconcile', { deep: String(deep) });
      const reply = await getJson<ReconciliationReply>(path, running.current.signal);
      if ('error' in reply) throw new ApiError(reply.error.message, reply.error.code, 0);
      return reply;
    },
  });
}

function Result({ agrees, assets, objects, findings, deep }: ReconciliationView) {
  const contents = deep ? ', with their contents' : '';
  const compared = `${counted(assets, 'asset')} and ${counted(objects, 'object')} were compared${contents}.`;
  if (agrees)
    return (
      <Notice tone="info" title="Ledger and lake agree.">
        <p>{compared}</p>
      </Notice>
    );
  return (
    <>
      <Notice tone="warning" title="Ledger and lake differ.">
        <p>{compared}</p>
      </Notice>
      <Card title={`${count(findings.length)} ${findings.length === 1 ? 'discrepancy' : 'discrepancies'}`} flush>
        <DataTable
          caption="Discrepancies"
          columns={COLUMNS}
          rows={findings}
          rowId={({ key, kind, problem }) => `${kind} ${key} ${problem}`}
        />
      </Card>
    </>
  );
}

const helper = columnHelper<FindingView>();
const COLUMNS = helper.columns([
  helper.accessor('key', { header: 'Object', cell: ({ getValue }) => <code className="break">{getValue()}</code> }),
  helper.accessor('problem', { header: 'Problem' }),
  helper.accessor('action', { header: 'Action' }),
]);
