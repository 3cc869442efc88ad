import type { GdalCommand } from './gdal.ts';

/** A layer of a vector file, from the text output of `ogrinfo -so`. GDAL 3.6 has no JSON output. */
export interface Layer {
  name: string;
  /** GDAL's name of the type, such as `3D Measured Multi Polygon` or `Unknown (any)`; `None` without geometry. */
  geometryType: string;
  /** Undefined when features were not counted. */
  featureCount?: number;
  /** On several lines; undefined when GDAL reads no CRS. */
  wkt?: string;
  fields: LayerField[];
}

export interface LayerField {
  name: string;
  /** `Integer64`, `String`, `Integer(Boolean)`, … */
  type: string;
}

/**
 * Describes all layers of a file in `folder`. Features are counted only on request, and extents never, because both
 * read some formats completely.
 */
export function describeLayersCommand(
  path: string,
  folder: string,
  drivers: readonly string[],
  options: { openOptions?: readonly string[]; count?: boolean; environment?: Record<string, string> } = {},
): GdalCommand {
  const openOptions = (options.openOptions ?? []).flatMap((option) => ['-oo', option]);
  const count = options.count ? [] : ['-nocount'];
  return {
    command: 'ogrinfo',
    args: ['-ro', '-so', '-al', '-nomd', '-noextent', ...count, '-wkt_format', 'WKT2', ...openOptions, path],
    drivers: [...drivers],
    folder,
    ...(options.environment ? { environment: options.environment } : {}),
  };
}

const FIELD =
  /^(.*): ((?:Integer|Integer64|Real|String|Date|Time|DateTime|Binary|IntegerList|Integer64List|RealList|StringList)(?:\([A-Za-z0-9]+\))?) \(\d+\.\d+\)/;
const GEOMETRY = /^Geometry(?: \(.*\))?: (.+)$/;
const FEATURE_COUNT = /^Feature Count: (\d+)$/;
const CRS_HEADING = /^(Layer SRS WKT|SRS WKT \(.*\)):$/;

/** Parses the output of describeLayersCommand. Names in a file can imitate lines, but only of their own layer. */
export function parseLayers(stdout: string): Layer[] {
  const [, ...sections] = stdout.split(/^Layer name: /m);
  return sections.map(parseLayer);
}

function parseLayer(section: string): Layer {
  const [name = '', ...lines] = section.split('\n');
  const layer: Layer = { name, geometryType: 'None', fields: [] };
  for (let at = 0; at < lines.length; at++) {
    const line = lines[at] ?? '';
    const [, fieldName, fieldType] = FIELD.exec(line) ?? [];
    const geometryType = GEOMETRY.exec(line)?.[1];
    const count = FEATURE_COUNT.exec(line)?.[1];
    if (fieldName !== undefined && fieldType !== undefined) layer.fields.push({ name: fieldName, type: fieldType });
    else if (geometryType !== undefined && layer.geometryType === 'None') layer.geometryType = geometryType;
    else if (count !== undefined) layer.featureCount = Number(count);
    else if (CRS_HEADING.test(line) && layer.wkt === undefined) {
      const end = endOfCrs(lines, at);
      if (end > at && lines[end] !== '(unknown)') layer.wkt = lines.slice(at + 1, end).join('\n');
      if (end > at) at = end;
    }
  }
  return layer;
}

/** The line after the WKT that follows the heading; -1 when there is none. */
function endOfCrs(lines: string[], heading: number): number {
  return lines.findIndex(
    (line, index) => index > heading && (line.startsWith('Data axis to CRS axis mapping') || line === '(unknown)'),
  );
}

/**
 * The value of `-nlt` for a layer: any type with the Z and M of the layer, so that single, multi and curved geometries
 * are not converted.
 */
export function anyGeometryWithDimensionsOf(
  geometryType: string,
): 'GEOMETRY' | 'GEOMETRYZ' | 'GEOMETRYM' | 'GEOMETRYZM' {
  const z = geometryType.startsWith('3D ') ? 'Z' : '';
  const m = /(^| )Measured /.test(geometryType) ? 'M' : '';
  return `GEOMETRY${z}${m}`;
}
