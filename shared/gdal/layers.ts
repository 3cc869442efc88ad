import type { GdalCommand } from './gdal.ts';

/** What a file holds, as `ogrinfo -so` prints it (GDAL 3.6 has no JSON output). */
export interface Layer {
  name: string;
  /** GDAL's name of the type, such as `3D Measured Multi Polygon` or `Unknown (any)`; `None` without geometry. */
  geometryType: string;
  /** Undefined when it was not counted. */
  featureCount?: number;
  /** As printed, on several lines; undefined when the layer has none that GDAL can read. */
  wkt?: string;
  fields: LayerField[];
}

export interface LayerField {
  name: string;
  /** `Integer64`, `String`, `Integer(Boolean)`, … */
  type: string;
}

/** Describes a file in `folder` without reading more of it than the driver needs. Counting and extents would scan some formats whole. */
export function describeLayersCommand(
  path: string,
  folder: string,
  drivers: readonly string[],
  options: { openOptions?: readonly string[]; count?: boolean; environment?: Record<string, string> } = {},
): GdalCommand {
  const open = (options.openOptions ?? []).flatMap((option) => ['-oo', option]);
  return {
    command: 'ogrinfo',
    args: [
      '-ro',
      '-so',
      '-al',
      '-nomd',
      '-noextent',
      ...(options.count ? [] : ['-nocount']),
      '-wkt_format',
      'WKT2',
      ...open,
      path,
    ],
    drivers: [...drivers],
    folder,
    ...(options.environment ? { environment: options.environment } : {}),
  };
}

const FIELD =
  /^(.*): ((?:Integer|Integer64|Real|String|Date|Time|DateTime|Binary|IntegerList|Integer64List|RealList|StringList)(?:\([A-Za-z0-9]+\))?) \(\d+\.\d+\)/;

/** Reads that description. Names come from the file, so nothing in it is trusted beyond its own layer. */
export function parseLayers(stdout: string): Layer[] {
  const [, ...sections] = stdout.split(/^Layer name: /m);
  return sections.map(parseLayer);
}

function parseLayer(section: string): Layer {
  const lines = section.split('\n');
  const layer: Layer = { name: lines[0] ?? '', geometryType: 'None', fields: [] };
  for (let at = 1; at < lines.length; at++) {
    const line = lines[at] ?? '';
    const field = FIELD.exec(line);
    const geometry = /^Geometry(?: \(.*\))?: (.+)$/.exec(line);
    const count = /^Feature Count: (\d+)$/.exec(line);
    if (field?.[1] !== undefined && field[2] !== undefined) layer.fields.push({ name: field[1], type: field[2] });
    else if (geometry?.[1] !== undefined && layer.geometryType === 'None') layer.geometryType = geometry[1];
    else if (count?.[1] !== undefined) layer.featureCount = Number(count[1]);
    else if (/^(Layer SRS WKT|SRS WKT \(.*\)):$/.test(line) && layer.wkt === undefined) {
      const end = lines.findIndex(
        (candidate, index) =>
          index > at && (candidate.startsWith('Data axis to CRS axis mapping') || candidate === '(unknown)'),
      );
      if (end > at && lines[end] !== '(unknown)') layer.wkt = lines.slice(at + 1, end).join('\n');
      if (end > at) at = end;
    }
  }
  return layer;
}

/** GDAL's `-nlt` for a layer: any type, with the Z and M that the layer has, so that single, multi and curved geometries stay as they are. */
export function anyGeometryWithDimensionsOf(
  geometryType: string,
): 'GEOMETRY' | 'GEOMETRYZ' | 'GEOMETRYM' | 'GEOMETRYZM' {
  const z = geometryType.startsWith('3D ') ? 'Z' : '';
  const m = /(^| )Measured /.test(geometryType) ? 'M' : '';
  return `GEOMETRY${z}${m}`;
}
