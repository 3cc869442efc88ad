import { expect, test } from 'vitest';
import { guessFromMembers, guessFromName } from './guess-format.ts';

const OPTION = { option: '--format' };

test.each([
  ['Straßen #1.SHP', 'ESRI Shapefile', 'vector'],
  ['a.gpkg', 'GPKG', 'vector'],
  ['a.geojson', 'GeoJSON', 'vector'],
  ['a.json', 'GeoJSON', 'vector'],
  ['a.geojsonl', 'GeoJSONSeq', 'vector'],
  ['a.ndjson', 'GeoJSONSeq', 'vector'],
  ['a.fgb', 'FlatGeobuf', 'vector'],
  ['a.kml', 'KML', 'vector'],
  ['a.kmz', 'KMZ', 'vector'],
  ['a.gml', 'GML', 'vector'],
  ['a.xml', 'GML', 'vector'],
  ['a.tab', 'MapInfo File', 'vector'],
  ['a.mif', 'MIF', 'vector'],
  ['a.gpx', 'GPX', 'vector'],
  ['a.sqlite', 'SQLite', 'vector'],
  ['a.csv', 'CSV', 'vector'],
  ['a.shz', 'ESRI Shapefile', 'vector'],
  ['a.TIFF', 'GTiff', 'raster'],
  ['a.nc', 'netCDF', 'raster'],
  ['a.asc', 'AAIGrid', 'raster'],
  ['a.flt', 'EHdr', 'raster'],
  ['a.jp2', 'JP2OpenJPEG', 'raster'],
  ['a.grb2', 'GRIB', 'raster'],
  ['a.png', 'PNG', 'raster'],
  ['a.xlsx', 'XLSX', 'tabular'],
  ['a.ods', 'ODS', 'tabular'],
  ['a.tsv', 'TSV', 'tabular'],
  ['a.CSV.gz', 'CSV', 'tabular'],
  ['a.jsonl.gz', 'JSONL', 'tabular'],
])('%s has the format %s', (name, format, type) => expect(guessFromName(name)).toEqual({ format, type }));

test.each([
  ['a.csv', 'CSV'],
  ['a.txt', 'CSV'],
  ['a.tab', 'TSV'],
  ['a.ndjson', 'JSONL'],
  ['a.xlsx', 'XLSX'],
])('with type tabular, %s has the format %s', (name, format) => {
  expect(guessFromName(name, 'tabular')).toEqual({ format, type: 'tabular' });
});

test('with type tabular, vector files have no format, and archives may contain a table', () => {
  expect(guessFromName('a.gpkg', 'tabular')).toBeUndefined();
  expect(guessFromMembers('x.zip', ['a/preise.csv', 'readme.md'], { ...OPTION, type: 'tabular' })).toEqual({
    format: 'CSV',
    type: 'tabular',
  });
});

test.each(['a.dwg', 'a', '.zip', 'a.pdf', 'a.tar.gz', 'a.parquet'])('the name %s has no format', (name) =>
  expect(guessFromName(name)).toBeUndefined(),
);

test.each([
  [['roads/', 'roads/roads.shp', 'roads/roads.dbf', 'roads/roads.shp.xml', 'readme.txt'], 'ESRI Shapefile'],
  [['__MACOSX/._x.gpkg', 'x.gpkg'], 'GPKG'],
  [['roads.shp', 'roads.shx', 'roads.dbf', 'Thumbs.db', 'desktop.ini', '.DS_Store'], 'ESRI Shapefile'],
  [['Straßen #1/thumbs.DB', 'Straßen #1/é.tif'], 'GTiff'],
  [['wege.db', 'Thumbs.db'], 'SQLite'],
  [['a.GML', 'a.xsd'], 'GML'],
  [['a.xml'], 'GML'],
  [['a/elev.tiff', 'a/elev.tfw', 'a/readme.txt', 'a/preview.jpg'], 'GTiff'],
  [['bild.jpg', 'bild.jgw'], 'JPEG'],
  [['roads.shp', 'karte.png'], 'ESRI Shapefile'],
  [['one.tab', 'one.dat', 'one.map', 'one.id'], 'MapInfo File'],
  [['a.shp', 'b.shp'], 'ESRI Shapefile'],
  [['notes.pdf'], undefined],
])('an archive of %j has the format %s', (names, format) =>
  expect(guessFromMembers('x.zip', names, OPTION)?.format).toBe(format),
);

test('an archive with several formats is rejected', () => {
  expect(() => guessFromMembers('x.zip', ['a.shp', 'a.gpkg'], OPTION)).toThrow(
    expect.objectContaining({ message: 'x.zip contains several formats (ESRI Shapefile, GPKG). Set --format to one.' }),
  );
});
