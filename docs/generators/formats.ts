import { VECTOR_FORMATS, type VectorFormat } from '#shared/formats/vector-formats.ts';
import { generatedFrom, type GeneratedFile } from './generated-file.ts';
import { rasterFormatsMarkdown } from './raster-formats.ts';

/** docs/formats.md: the formats, and how their files, encodings and coordinate reference systems are read. */
export const formatsDocument: GeneratedFile = { path: 'docs/formats.md', content: formatsMarkdown };

function formatsMarkdown(): string {
  return `${generatedFrom('shared/formats/vector-formats.ts and raster-formats.ts')}

# Formats

## Vector formats

\`format\` in a manifest is one of these names. Case, spaces and punctuation are ignored. Only the listed drivers may open the
file. The format is never detected, so a file in another format is an error.

| \`format\` | aliases | extensions | additional files (**required**) | CRS | GDAL drivers |
|---|---|---|---|---|---|
${VECTOR_FORMATS.map(row).join('\n')}

Each file may be in a \`.zip\` archive (\`.shz\` for a shapefile). An archive contains one dataset; of several, \`layer\` selects
the one to load. Other files in the archive are ignored. These archives are rejected: absolute names, \`..\`, backslashes,
links, encryption, more than 10,000 entries, more than MAX_FILE_BYTES unpacked, or more than 100 MiB unpacked and more than
200 times the compressed size.

### How files are read

- **Column names** are not changed, with two exceptions: reserved names (the geometry column, \`sluice_fid\`, \`bbox\`,
  PostgreSQL's system columns, names that differ only in case) and names longer than 63 bytes. They get a suffix \`_1\`, \`_2\`,
  …, and the asset has a note \`COLUMN_RENAMED\`.
- **Types** are those of the file: booleans, integers of 32 and 64 bits, doubles, dates, times, timestamps (in UTC; without a
  time zone they are read as UTC), bytes, JSON and lists. A JSON column with strings and other values becomes text
  (\`COLUMN_MIXED\`). Fixed-point numbers of dBASE become doubles.
- **CSV** columns have a type when every value is written in the notation of that type, as [tables](tabular.md#types) do, so
  \`00123\` stays text. The geometry is created from \`x_column\` and \`y_column\` (which are kept), from \`wkt_column\`, or from
  columns with usual names (\`x\`/\`y\`, \`lon\`/\`lat\`, \`longitude\`/\`latitude\`, \`easting\`/\`northing\`, \`wkt\`, \`geom\`,
  \`geometry\`). A coordinate or WKT that cannot be read is an error with its row.
- **Text** of a shapefile is in the encoding of its \`.cpg\`, else of the \`.dbf\`, else Latin-1. CSV and GeoJSON are UTF-8, or
  UTF-16 with a byte order mark. \`encoding\` in the manifest overrides both. The other formats contain their encoding. Text
  that is invalid in its encoding is an error (\`ENCODING_INVALID\`). A NUL character in CSV or GeoJSON is an error; in binary
  formats it ends the text.
- **Geometries** keep Z and M. Single, multi, curved, empty and missing geometries are not converted. GDAL reads an empty
  geometry as missing in GeoJSON, and in layers that declare a geometry type. If a layer does not declare Z or M, they are
  kept only when one of them is not 0.
- **Layers**: \`layer\` selects one; without it, the file must have only one layer with geometry. In GPX, empty layers,
  \`route_points\` and \`track_points\` are ignored.

### Coordinate reference systems

The CRS is \`crs\` in the manifest, else the CRS of the file. If they differ, the asset has a note \`CRS_DECLARED_OVERRIDES\`.
A file without a CRS is an error (\`CRS_MISSING\`), and so is a CRS that cannot be read (\`CRS_UNREADABLE\`); there is no default.
GeoJSON without a \`crs\` member is OGC:CRS84 (RFC 7946). \`"crs": null\` before the features means no CRS, and a linked CRS is
rejected. Coordinates are stored with longitude or easting first, independent of the axis order of the CRS.

The extent is checked. These are errors (\`CRS_EXTENT_MISMATCH\`): latitudes beyond 90 degrees, degrees in a projected CRS, and
coordinates more than 15 degrees outside the area of use of the CRS. Longitudes from 180 to 360, and coordinates up to 15
degrees outside the area of use, are noted.

${rasterFormatsMarkdown()}`;
}

function row(format: VectorFormat): string {
  return tableRow([
    `\`${format.name}\``,
    format.aliases.join(', '),
    format.extensions.join(' '),
    additionalFiles(format),
    format.fixedCrs ?? 'in the file',
    format.drivers.join(', '),
  ]);
}

function tableRow(cells: string[]): string {
  return `| ${cells.join(' | ')} |`;
}

function additionalFiles({ required, optional }: VectorFormat): string {
  return [...required.map((extension) => `**${extension}**`), ...optional].join(' ');
}
