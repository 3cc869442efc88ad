import type { Extent } from '#shared/contracts/extent.ts';
import type { GdalCommand } from './gdal.ts';

/** A layer of a vector file, from the text output of `ogrinfo -so`. GDAL 3.6 has no JSON output. */
export interface Layer {
  name: string;
  /** GDAL's name of the type, such as `3D Measured Multi Polygon` or `Unknown (any)`; `None` without geometry. */
  geometryType: string;
  /** Number of features. Undefined if they were not counted. */
  featureCount?: number;
  /** The CRS as WKT on several lines. Undefined if GDAL reads no CRS. */
  wkt?: string;
  fields: LayerField[];
  /** In units of the CRS. Undefined when it was not computed, and without coordinates. */
  extent?: Extent;
}

export interface LayerField {
  name: string;
  /** GDAL's type, such as `Integer64`, `String` or `Integer(Boolean)`. */
  type: string;
}

/**
 * Describes all layers of a file in `folder`. Features are counted and extents are computed only on request,
 * because both read some formats completely.
 */
export function describeLayersCommand(
  path: string,
  folder: string,
  drivers: readonly string[],
  options: {
    openOptions?: readonly string[];
    count?: boolean;
    extent?: boolean;
    environment?: Record<string, string>;
  } = {},
): GdalCommand {
  const openOptions = (options.openOptions ?? []).flatMap((option) => ['-oo', option]);
  const skipped = [...(options.count ? [] : ['-nocount']), ...(options.extent ? [] : ['-noextent'])];
  return {
    command: 'ogrinfo',
    args: ['-ro', '-so', '-al', '-nomd', ...skipped, '-wkt_format', 'WKT2', ...openOptions, path],
    drivers: [...drivers],
    folder,
    ...(options.environment ? { environment: options.environment } : {}),
  };
}

const FIELD =
  /^(.*): ((?:Integer|Integer64|Real|String|Date|Time|DateTime|Binary|IntegerList|Integer64List|RealList|StringList)(?:\([A-Za-z0-9]+\))?) \(\d+\.\d+\)/;
const GEOMETRY = /^Geometry(?: \(.*\))?: (.+)$/;
const EXTENT = /^Extent(?: \(.*\))?: \((\S+), (\S+)\) - \((\S+), (\S+)\)$/;
const FEATURE_COUNT = /^Feature Count: (\d+)$/;
/** The line of ogrinfo that follows a WKT. */
const CRS_END = /^Coordinate epoch: |^Data axis to CRS axis mapping|^\(unknown\)$/;
const CRS_HEADING = /^(Layer SRS WKT|SRS WKT \(.*\)):$/;

/** Parses the output of describeLayersCommand. Names in a file can imitate lines, but only of their own layer. */
export function parseLayers(stdout: string): Layer[] {
  const [, ...sections] = stdout.split(/^Layer name: /m);
  return sections.map(parseLayer);
}

/** Reads each line once: names in a file can imitate the heading of a CRS any number of times. */
function parseLayer(section: string): Layer {
  const [name = '', ...lines] = section.split('\n');
  const layer: Layer = { name, geometryType: 'None', fields: [] };
  let hasCrsEnd = true;
  for (let at = 0; at < lines.length; at++) {
    const line = lines[at] ?? '';
    if (!line.includes(':')) continue;
    const [, fieldName, fieldType] = (line.includes(' (') && FIELD.exec(line)) || [];
    const geometryType = GEOMETRY.exec(line)?.[1];
    const count = FEATURE_COUNT.exec(line)?.[1];
    const extent = EXTENT.exec(line)?.slice(1).map(Number);
    if (fieldName !== undefined && fieldType !== undefined) layer.fields.push({ name: fieldName, type: fieldType });
    else if (geometryType !== undefined && layer.geometryType === 'None') layer.geometryType = geometryType;
    else if (count !== undefined) layer.featureCount = Number(count);
    else if (extent?.every(Number.isFinite)) layer.extent ??= extent as Extent;
    else if (hasCrsEnd && layer.wkt === undefined && CRS_HEADING.test(line)) {
      let end = at + 1;
      while (end < lines.length && !CRS_END.test(lines[end] ?? '')) end++;
      hasCrsEnd = end < lines.length;
      if (hasCrsEnd && lines[end] !== '(unknown)') layer.wkt = lines.slice(at + 1, end).join('\n');
      if (hasCrsEnd) at = end;
    }
  }
  return layer;
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
