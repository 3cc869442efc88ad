import { VECTOR_FORMATS, type VectorFormat } from '#shared/formats/vector-formats.ts';
import { generatedFrom, type GeneratedFile } from './generated-file.ts';
import { rasterFormatsMarkdown } from './raster-formats.ts';

/** docs/formats.md: the formats, and how their parts, encodings and systems are treated. */
export const formatsDocument: GeneratedFile = { path: 'docs/formats.md', content: formatsMarkdown };

function formatsMarkdown(): string {
  return `${generatedFrom('shared/formats/vector-formats.ts and raster-formats.ts')}

# Formats

## Vector formats

\`format\` in a manifest is one of these names; case, spaces and punctuation do not matter. Only the drivers named are allowed to touch the file:
nothing is detected, so a file of another kind is an error, never a surprise.

| \`format\` | also called | files | belong to it | CRS | GDAL drivers |
|---|---|---|---|---|---|
${VECTOR_FORMATS.map(row).join('\n')}

Each of them may be in a \`.zip\` (\`.shz\` for a shapefile). An archive holds one dataset; with several, \`layer\` names the one to load. Other
files in it are left alone. Refused are absolute names, \`..\`, backslashes, links, encryption, more than 10,000 entries, and archives that unpack
to more than MAX_FILE_BYTES or, past 100 MiB, to more than 200 times their size.

### What comes in

- **Names** of columns stay as they are. A name that is taken (the geometry column, \`sluice_fid\`, \`bbox\`, PostgreSQL's system columns, or apart
  from case another column) or longer than 63 bytes gets \`_1\`, \`_2\`, …, and the asset has a note \`COLUMN_RENAMED\`.
- **Types** are the file's: booleans, whole numbers of 32 and 64 bits, doubles, dates, times, timestamps (in UTC; without a zone they count as
  UTC), bytes, JSON, lists. A JSON column whose values are of several kinds, texts among them, is text (\`COLUMN_MIXED\`). Fixed-point numbers of dBASE become doubles.
- **CSV** columns have a type when every value is written in the notation of that type, as [tables](tabular.md#types) do, so
  \`00123\` stays text. The geometry is created from \`x_column\` and \`y_column\` (which are kept), from \`wkt_column\`, or from
  columns with usual names (\`x\`/\`y\`, \`lon\`/\`lat\`, \`longitude\`/\`latitude\`, \`easting\`/\`northing\`, \`wkt\`, \`geom\`,
  \`geometry\`). A coordinate or WKT that cannot be read is an error with its row.
- **Text** of a shapefile is in the encoding of its \`.cpg\`, else of the \`.dbf\`, else Latin-1; \`encoding\` in the manifest wins. CSV and GeoJSON are
  UTF-8, or UTF-16 with its mark, or what \`encoding\` says. The other formats say it themselves. Text that is not in its encoding is an error
  (\`ENCODING_INVALID\`). So is a NUL character in CSV or GeoJSON; in the binary formats it ends the text that holds it.
- **Geometries** keep Z and M; single, multi, curved, empty and missing ones stay what they are (but GDAL reads an empty geometry
  as missing in GeoJSON, and in a layer that says which kind its geometries are). Where a layer does not say whether its geometries have Z or M, those that are 0 throughout count as not there.
- **Layers**: the one that \`layer\` names, else the only one with geometry. In GPX, empty layers, \`route_points\` and \`track_points\` don't count.

### Coordinate reference systems

The file's own is used, unless the manifest gives \`crs\`; when the two differ, the asset has a note \`CRS_DECLARED_OVERRIDES\`. Neither is an error
(\`CRS_MISSING\`), as is one that cannot be read (\`CRS_UNREADABLE\`): nothing is guessed. GeoJSON without a \`crs\` member is OGC:CRS84 (RFC 7946);
\`"crs": null\` before the features is none, and a link is refused. Coordinates are kept with longitude, or easting, first, whatever the axis order
of the system.

The extent is checked: latitudes past 90 degrees, degrees in a projected system, and coordinates wholly more than 15 degrees away from where the
system is used are errors (\`CRS_EXTENT_MISMATCH\`); longitudes from 180 to 360 and coordinates just outside of that area are noted.

${rasterFormatsMarkdown()}`;
}

function row(format: VectorFormat): string {
  const parts = [...format.required.map((extension) => `**${extension}**`), ...format.optional];
  const crs = format.fixedCrs === undefined ? "the file's" : format.fixedCrs;
  return `| \`${format.name}\` | ${format.aliases.join(', ')} | ${format.extensions.join(' ')} | ${parts.join(' ')} | ${crs} | ${format.drivers.join(', ')} |`;
}
