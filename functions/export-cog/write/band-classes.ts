import type { Note } from '#shared/contracts/shared-schemas.ts';
import { formatCount } from '#shared/text/amounts.ts';
import type { DescribedRaster } from '../read/describe-raster.ts';
import type { BandInfo, RasterInfo } from '../read/raster-info.ts';
import type { RasterSummary } from './summarize-raster.ts';

/**
 * What describes the classes of a band: names, an attribute table, colors. A Cloud Optimized GeoTIFF contains colors
 * only, so the asset document has the others.
 */

type Band = RasterSummary['bands'][number];
type Classes = Pick<Band, 'category_names' | 'attribute_table'>;

/** Characters of JSON for the classes of all bands of an asset. The list of assets contains them. */
const MAX_CHARACTERS = 2 ** 17;

/** The bands with the classes of the first raster, and notes about the classes of all rasters. */
export function describeClasses(
  bands: readonly Band[],
  rasters: readonly DescribedRaster[],
): { bands: Band[]; notes: Note[] } {
  const [first, ...others] = rasters;
  const notes: Note[] = [];
  let left = MAX_CHARACTERS;
  const described = bands.map((band, index): Band => {
    const classes = first === undefined ? {} : classesOf(first, index);
    const size = JSON.stringify(classes).length;
    const hasClasses = Object.keys(classes).length > 0;
    const isKept = hasClasses && size <= left;
    if (isKept) left -= size;
    if (first !== undefined) notes.push(...classNotes(first, index, classes, isKept));
    return isKept ? { ...band, ...classes } : band;
  });
  for (const other of others)
    for (const index of bands.keys()) {
      const classes = classesOf(other, index);
      const isSame = first !== undefined && JSON.stringify(classesOf(first, index)) === JSON.stringify(classes);
      if (!isSame) notes.push(...classNotes(other, index, classes, false));
    }
  return { bands: described, notes };
}

function classesOf({ info, attributeTables }: DescribedRaster, index: number): Classes {
  const names = info.bands[index]?.categories;
  const table = attributeTables[index];
  return {
    ...(names === undefined || names.length === 0 ? {} : { category_names: names }),
    ...(typeof table === 'object' ? { attribute_table: table } : {}),
  };
}

function classNotes(raster: DescribedRaster, index: number, classes: Classes, isKept: boolean): Note[] {
  const { file } = raster.source;
  const { category_names: names, attribute_table: table } = classes;
  const unread = raster.attributeTables[index];
  const notes: Note[] = [];
  if (typeof unread === 'string') {
    const reason = unread === 'too large' ? 'is too large' : 'has texts that are not UTF-8';
    notes.push({
      code: 'ATTRIBUTE_TABLE_DROPPED',
      file,
      message: `The attribute table of band ${index + 1} of ${file} ${reason}. The asset does not contain it.`,
    });
  }
  const rowsAndColumns =
    table === undefined
      ? ''
      : `${formatCount(table.rows.length)} rows and ${formatCount(table.columns.length)} columns`;
  const parts = [
    ...(names === undefined ? [] : [`names of ${formatCount(names.length)} classes`]),
    ...(table === undefined ? [] : [`an attribute table of ${rowsAndColumns}`]),
  ];
  if (parts.length === 0) return notes;
  const limit = formatCount(MAX_CHARACTERS);
  const outcome = isKept
    ? 'A GeoTIFF cannot contain them: they are in the description of the band, with numbers of up to 15 digits.'
    : `They are not in the asset, which has those of the first file, of up to ${limit} characters.`;
  notes.push({
    code: isKept ? 'ATTRIBUTE_TABLE_MOVED' : 'ATTRIBUTE_TABLE_DROPPED',
    file,
    message: `Band ${index + 1} of ${file} has ${parts.join(', and ')}. ${outcome}`,
  });
  return notes;
}

/** Notes about colors of the source that the written file does not have. */
export function colorNotes({ info, source: { file } }: DescribedRaster, written: Pick<RasterInfo, 'bands'>): Note[] {
  return info.bands.flatMap((band, index): Note[] => {
    const lost = lostColors(band, written.bands[index]);
    if (lost === undefined) return [];
    return [
      {
        code: 'COLORS_CHANGED',
        file,
        message: `A GeoTIFF cannot contain ${lost} of band ${index + 1} of ${file}. Pixel values are not affected.`,
      },
    ];
  });
}

function lostColors({ colorTable: from, noDataValue }: BandInfo, written: BandInfo | undefined): string | undefined {
  if (from === undefined) return undefined;
  const to = written?.colorTable?.entries;
  const count = from.entries.length;
  if (to === undefined) return `the ${formatCount(count)} colors`;
  const changed = from.entries.filter((color, value) => color.slice(0, 3).some((part, at) => part !== to[value]?.[at]));
  if (changed.length > 0) return `${formatCount(changed.length)} of the ${formatCount(count)} colors`;
  // GDAL reports the color of the nodata value as transparent.
  const nodata = written?.noDataValue ?? noDataValue;
  const faded = from.entries.filter((color, value) => value !== nodata && color[3] !== to[value]?.[3]);
  return faded.length === 0 ? undefined : `the opacity of ${formatCount(faded.length)} colors`;
}
