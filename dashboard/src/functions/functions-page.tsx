import { useQuery } from '@tanstack/react-query';
import { functionCallsQuery, functionsQuery, overviewQuery } from '../api/queries.ts';
import { DataTable } from '../ui/data-table.tsx';
import { EmptyState } from '../ui/empty-state.tsx';
import { Loaded } from '../ui/loaded.tsx';
import { Page } from '../ui/page.tsx';
import { Command } from '../ui/command.tsx';
import { FUNCTION_COLUMNS } from './function-columns.tsx';

/** The functions, their replicas and their queues. */
export function FunctionsPage() {
  const functions = useQuery(functionsQuery);
  const queues = useQuery(overviewQuery).data?.queues ?? [];
  const calls = useQuery(functionCallsQuery).data ?? [];
  return (
    <Page
      title="Functions"
      summary="Calls are counted since the gateway started. Failures and durations are those of the last hour."
    >
      <Loaded query={functions}>
        {(all) =>
          all.length === 0 ? (
            <EmptyState title="No function is deployed.">
              Deploy the functions of stack.yml: <Command>faas-cli deploy</Command>
            </EmptyState>
          ) : (
            <div className="card">
              <DataTable
                caption="Functions"
                columns={FUNCTION_COLUMNS}
                rows={all.map((fn) => ({
                  ...fn,
                  queue: queues.find((queue) => queue.function === fn.name),
                  hour: calls.find((each) => each.function === fn.name),
                }))}
                rowId={({ name }) => name}
              />
            </div>
          )
        }
      </Loaded>
    </Page>
  );
}
