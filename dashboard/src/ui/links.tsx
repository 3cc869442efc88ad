import { Link } from 'react-router';

/** A link to a run, with its short id. */
export function RunLink({ runId, children }: { runId: string; children?: string }) {
  return (
    <Link to={`/runs/${runId}`} className={children === undefined ? 'mono' : 'break'}>
      {children ?? runId.slice(0, 8)}
    </Link>
  );
}

export function DatasetLink({ datasetId }: { datasetId: string }) {
  return (
    <Link to={`/datasets/${encodeURIComponent(datasetId)}`} className="break">
      {datasetId}
    </Link>
  );
}
