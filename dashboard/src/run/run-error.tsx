import type { RunView } from '../../../shared/api/views.ts';
import { Notice } from '../ui/notice.tsx';

/** The details that are a location. */
const LOCATION_FIELDS = ['file', 'field', 'layer', 'column', 'row', 'feature', 'line'];

/** Why the run failed, where, and what to do. */
export function RunError({ run: { error, advice } }: { run: RunView }) {
  if (error === null) return null;
  const locations = LOCATION_FIELDS.flatMap((field) => {
    const value = error.details[field];
    return typeof value === 'string' || typeof value === 'number' ? [`${field}: ${value}`] : [];
  });
  return (
    <Notice tone="failure" title={error.message}>
      {locations.length > 0 && <p className="mono small">{locations.join(', ')}</p>}
      {advice && <p>{advice}</p>}
      <p className="small muted">{error.code}</p>
    </Notice>
  );
}
