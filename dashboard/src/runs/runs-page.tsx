import { useQuery } from '@tanstack/react-query';
import { runsQuery } from '../api/queries.ts';
import { Command } from '../ui/command.tsx';
import { DataTable } from '../ui/data-table.tsx';
import { EmptyState } from '../ui/empty-state.tsx';
import { Loaded } from '../ui/loaded.tsx';
import { Page } from '../ui/page.tsx';
import { pageOf, Pager, usePage } from '../ui/pager.tsx';
import { RUN_COLUMNS } from './run-columns.tsx';
import { RunFilters } from './run-filters.tsx';
import { useRunFilter } from './use-run-filter.ts';

/** The runs of a filter, newest first. The URL holds the filter and the page. */
export function RunsPage() {
  const { filter, isFiltered, change, clear } = useRunFilter();
  const page = usePage();
  const runs = useQuery(runsQuery({ ...filter, page }));
  return (
    <Page title="Runs" summary="Newest first. The list updates itself.">
      <RunFilters filter={filter} onChange={change} />
      <Loaded query={runs}>
        {(rows) =>
          rows.length === 0 ? (
            isFiltered || page > 1 ? (
              <EmptyState title="No run matches the filter.">
                <button type="button" className="button" onClick={clear}>
                  Show all runs
                </button>
              </EmptyState>
            ) : (
              <EmptyState title="No run was started yet.">
                Ingest a file: <Command>npx sluice ingest FILE --dataset NAME</Command>
              </EmptyState>
            )
          ) : (
            <div className="card">
              <DataTable
                caption="Runs"
                columns={RUN_COLUMNS}
                rows={pageOf(rows)}
                rowId={(run) => run.run_id ?? run.manifest_key}
              />
              <Pager rows={rows} page={page} />
            </div>
          )
        }
      </Loaded>
    </Page>
  );
}
