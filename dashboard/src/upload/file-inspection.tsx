import type { InspectionView } from '../../../shared/api/views.ts';
import { count, counted } from '../ui/format.ts';
import { SelectField } from './form-field.tsx';
import type { Inspected } from './use-inspections.ts';
import { uploadStore } from './upload-store.ts';

interface FileInspectionProps {
  path: string;
  inspected: Inspected;
  /** The object, which messages name. */
  storedAt: string | undefined;
  /** The chosen layer. */
  layer: string | undefined;
}

/** What an uploaded file contains, and why it cannot be ingested with the options. */
export function FileInspection({ path, storedAt = path, inspected, layer }: FileInspectionProps) {
  const { data, error, isPending } = inspected;
  const aboutFile = (message: string) => message.replaceAll(storedAt, path);
  if (isPending)
    return (
      <p className="small muted" role="status">
        Reading the file…
      </p>
    );
  if (error)
    return (
      <p className="form-problem" role="alert">
        {aboutFile(error.message)}
      </p>
    );
  if (data === undefined) return null;
  const { layers, chosen, problem } = data;
  const shown = chosen === null ? undefined : layers[chosen];
  return (
    <>
      {shown && <p className="small">{describe(shown)}</p>}
      {layers.length > 1 && (
        <SelectField
          label={`Layer of ${path}`}
          value={layer}
          options={[
            ['', shown === undefined ? 'Choose a layer' : `${shown.name} (detected)`],
            ...layers.map((each) => [each.name ?? '', [each.name, describe(each)].join(': ')] as const),
          ]}
          onChange={(value) => uploadStore.setOptions(path, { layer: value })}
        />
      )}
      {problem && (
        <p className="form-problem" role="alert">
          {aboutFile(problem.message)}
        </p>
      )}
    </>
  );
}

/** For example: `100 features, Polygon, EPSG:4267, 14 columns`. */
function describe({ geometry_type, row_count, column_count, crs, pixels }: InspectionView['layers'][number]): string {
  const isFeatures = geometry_type !== null;
  return [
    pixels && `${count(pixels.width)} × ${count(pixels.height)} pixels, ${counted(pixels.bands, 'band')}`,
    row_count !== null && counted(row_count, isFeatures ? 'feature' : 'row'),
    geometry_type,
    crs,
    column_count > 0 && counted(column_count, 'column'),
  ]
    .filter(Boolean)
    .join(', ');
}
