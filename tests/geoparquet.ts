import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { Ajv } from 'ajv';
import { type FileMetaData, parquetMetadata, parquetReadObjects } from 'hyparquet';
import { compressors } from 'hyparquet-compressors';

/** A GeoParquet file as read by hyparquet, which shares no code with the writer. Geometries are WKB. */
export interface ReadGeoParquet {
  metadata: FileMetaData;
  /** The value of the metadata key `geo`. */
  geo: GeoMetadata;
  rows: Record<string, unknown>[];
  /** Root columns in the order of the file, with their types, such as `INT64 TIMESTAMP`, `BYTE_ARRAY` or `group`. */
  columns: { name: string; type: string }[];
}

export interface GeoMetadata {
  version: string;
  primary_column: string;
  columns: Record<
    string,
    {
      encoding: string;
      geometry_types: string[];
      crs: { id?: { authority: string; code: number } };
      bbox?: number[];
      covering: object;
    }
  >;
}

/** Reads the whole file. Fails if its metadata is not valid GeoParquet 1.1.0. */
export async function readGeoParquet(path: string): Promise<ReadGeoParquet> {
  const bytes = await readFile(path);
  const file = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
  const metadata = parquetMetadata(file, { geoparquet: false });
  const values = (metadata.key_value_metadata ?? []).filter(({ key }) => key === 'geo');
  assert(values.length === 1, `The file has ${values.length} keys "geo".`);
  const geo = JSON.parse(values[0]?.value ?? '') as GeoMetadata;
  const problems = geoMetadataProblems(geo);
  assert(problems.length === 0, problems.join('\n'));
  const rows = await parquetReadObjects({ file, metadata, compressors, utf8: false });
  return { metadata, geo, rows, columns: rootColumns(metadata) };
}

function rootColumns({ schema }: FileMetaData): { name: string; type: string }[] {
  const roots: { name: string; type: string }[] = [];
  let position = 1;
  const skip = (): void => {
    const children = schema[position]?.num_children ?? 0;
    position++;
    for (let child = 0; child < children; child++) skip();
  };
  while (position < schema.length) {
    const { name = '', type, logical_type, converted_type, num_children } = schema[position] ?? {};
    roots.push({
      name,
      type: num_children
        ? (converted_type ?? 'group')
        : [type, logical_type?.type ?? converted_type].filter(Boolean).join(' '),
    });
    skip();
  }
  return roots;
}

const bboxField = (name: string) => ({
  type: 'array',
  minItems: 2,
  maxItems: 2,
  items: [{ type: 'string', minLength: 1 }, { const: name }],
});
const BBOX_FIELDS = ['xmin', 'ymin', 'xmax', 'ymax'];

/** JSON Schema of `geo` in GeoParquet 1.1.0. Sluice also requires a CRS and a covering. */
const GEO_SCHEMA = {
  type: 'object',
  required: ['version', 'primary_column', 'columns'],
  properties: {
    version: { const: '1.1.0' },
    primary_column: { type: 'string', minLength: 1 },
    columns: {
      type: 'object',
      minProperties: 1,
      additionalProperties: {
        type: 'object',
        required: ['encoding', 'geometry_types', 'crs', 'covering'],
        additionalProperties: false,
        properties: {
          encoding: { const: 'WKB' },
          geometry_types: {
            type: 'array',
            uniqueItems: true,
            items: {
              enum: [
                'Point',
                'LineString',
                'Polygon',
                'MultiPoint',
                'MultiLineString',
                'MultiPolygon',
                'GeometryCollection',
              ].flatMap((name) => [name, `${name} Z`]),
            },
          },
          crs: { type: 'object', required: ['type', 'name', '$schema'] },
          bbox: {
            type: 'array',
            items: { type: 'number' },
            anyOf: [
              { minItems: 4, maxItems: 4 },
              { minItems: 6, maxItems: 6 },
            ],
          },
          covering: {
            type: 'object',
            required: ['bbox'],
            properties: {
              bbox: {
                type: 'object',
                required: BBOX_FIELDS,
                properties: Object.fromEntries(BBOX_FIELDS.map((name) => [name, bboxField(name)])),
              },
            },
          },
        },
      },
    },
  },
};

const validate = new Ajv({ allErrors: true, strict: false }).compile(GEO_SCHEMA);

/** The errors in a value of `geo`; empty for a valid value. */
export function geoMetadataProblems(geo: unknown): string[] {
  return validate(geo) ? [] : (validate.errors ?? []).map((error) => `${error.instancePath}: ${error.message}`);
}
