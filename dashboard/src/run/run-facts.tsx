import type { RunView } from '../../../shared/api/views.ts';
import { Card } from '../ui/card.tsx';
import { Facts } from '../ui/facts.tsx';
import { DatasetLink, RunLink } from '../ui/links.tsx';

export function RunFacts({ run }: { run: RunView }) {
  return (
    <Card title="Details">
      <Facts
        facts={[
          ['Dataset', run.dataset_id && <DatasetLink datasetId={run.dataset_id} />],
          ['Lane', run.lane],
          ['Intent', run.intent],
          [
            'Manifest',
            <>
              <code>{run.manifest_key}</code>{' '}
              {run.run_id && (
                <a href={`/api/runs/${run.run_id}/manifest`} target="_blank" rel="noreferrer">
                  Open
                </a>
              )}
            </>,
          ],
          ['Archived', run.archived ? 'yes' : 'not yet'],
          ['Rerun of', run.rerun_of && <RunLink runId={run.rerun_of} />],
          ['PostGIS server', run.postgis_server],
          ['Run', <code key="id">{run.run_id}</code>],
        ]}
      />
    </Card>
  );
}
