import { useQuery } from '@tanstack/react-query';
import type { FileGroup, FieldIssue } from '../../../shared/api/views.ts';
import { manifestOptionsQuery } from '../api/queries.ts';
import { SelectField, TextField } from './form-field.tsx';
import { type FileOptions, uploadStore } from './upload-store.ts';

interface FileOptionsProps {
  group: FileGroup;
  options: FileOptions;
  issues: FieldIssue[];
  needsCrs: boolean;
}

const TYPES = [
  ['vector', 'Vector: features with geometries'],
  ['raster', 'Raster: pixels'],
  ['tabular', 'Table: rows without geometries'],
] as const;

/** What the user can declare about a file. It is open when the file needs it. */
export function FileOptionsForm({ group, options, issues, needsCrs }: FileOptionsProps) {
  const formats = useQuery(manifestOptionsQuery).data?.formats;
  const { path, type, format } = group;
  const set = (changed: FileOptions) => uploadStore.setOptions(path, changed);
  const field = (name: keyof FileOptions) => ({
    value: options[name],
    problem: issues.find((issue) => issue.field === name)?.message,
    onChange: (value: string) => set({ [name]: value }),
  });
  const names = [...new Set((type && formats?.[type]) ?? Object.values(formats ?? {}).flat())];
  const isCsv = type === 'vector' && format === 'CSV';
  const needsFormat = format === null;
  return (
    <details className="file-options" open={needsFormat || needsCrs || issues.length > 0 || undefined}>
      <summary>Format, coordinate system and layer</summary>
      <div className="form-grid">
        <SelectField
          label="Kind"
          options={needsFormat ? [['', 'Choose'], ...TYPES] : TYPES}
          value={type ?? ''}
          onChange={(value) => set({ type: value, format: '' })}
        />
        <SelectField
          label="Format"
          options={[
            ['', format === null ? 'Choose' : options.format ? 'Detect from the name' : `${format} (detected)`],
            ...names.map((name) => [name, name] as const),
          ]}
          value={options.format}
          onChange={(value) => set({ format: value })}
        />
        {type !== 'tabular' && (
          <TextField
            {...field('crs')}
            label="Coordinate reference system"
            placeholder="EPSG:4326"
            help="Only if the file has none, or a wrong one."
          />
        )}
        <TextField {...field('layer')} label="Layer" help="Only if the file has several." />
        {type !== 'raster' && (
          <TextField
            {...field('encoding')}
            label="Text encoding"
            placeholder="ISO-8859-1"
            help="Only if letters are wrong."
          />
        )}
        {isCsv && (
          <>
            <TextField {...field('x_column')} label="Column with x or longitude" />
            <TextField {...field('y_column')} label="Column with y or latitude" />
            <TextField {...field('wkt_column')} label="Column with geometries as WKT" />
          </>
        )}
      </div>
    </details>
  );
}
