import { useQuery } from '@tanstack/react-query';
import { assetsQuery, overviewQuery } from '../api/queries.ts';
import { Card } from '../ui/card.tsx';
import { Command } from '../ui/command.tsx';
import { EmptyState } from '../ui/empty-state.tsx';
import { Loaded } from '../ui/loaded.tsx';
import { Page } from '../ui/page.tsx';
import { Figures } from './figures.tsx';
import { LaneCards } from './lane-cards.tsx';
import { NewestAssets } from './newest-assets.tsx';
import { QueueTable } from './queue-table.tsx';
import { RunningRuns } from './running-runs.tsx';

/** What runs, what failed, and what was made. */
export function OverviewPage() {
  const overview = useQuery(overviewQuery);
  const assets = useQuery(assetsQuery({}));
  return (
    <Page title="Overview" summary="Running runs, and the results of the last 24 hours.">
      <Loaded query={overview}>
        {(data) => (
          <>
            <Figures overview={data} />
            <div className="columns">
              <div className="stack">
                <RunningRuns />
                <LaneCards overview={data} />
              </div>
              <div className="stack">
                <Card title="Newest assets" flush>
                  <Loaded query={assets}>
                    {(rows) =>
                      rows.length === 0 ? (
                        <EmptyState title="The lake has no asset yet.">
                          Ingest a file: <Command>npx sluice ingest FILE --dataset NAME</Command>
                        </EmptyState>
                      ) : (
                        <NewestAssets assets={rows} />
                      )
                    }
                  </Loaded>
                </Card>
                <QueueTable queues={data.queues} />
              </div>
            </div>
          </>
        )}
      </Loaded>
    </Page>
  );
}
