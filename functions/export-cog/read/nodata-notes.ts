import { open, readFile } from 'node:fs/promises';
import type { Note } from '#shared/contracts/shared-schemas.ts';
import { ATTACHED_FILES, type RasterFormat } from '#shared/formats/raster-formats.ts';
import type { Source } from '#shared/landing/fetch-source.ts';
import { truncateToBytes } from '#shared/text/truncate.ts';
import { type BandInfo, type RasterInfo, toPixelValue } from './raster-info.ts';
import { readTiffDirectories } from './tiff-directories.ts';

/** Notes about nodata values that a raster declares, and that GDAL does not use. */

/** Numbers that GDAL writes have fewer than 32 characters. */
const MAX_VALUE_BYTES = 64;

/**
 * Notes nodata values of the .aux.xml that GDAL does not use: some drivers, such as that for ASCII grids, read only the
 * value in the raster itself.
 */
export async function unusedNodataNotes(
  { parts, path, file }: Source<RasterFormat>,
  { bands, driverShortName }: RasterInfo,
): Promise<Note[]> {
  const { metadata } = ATTACHED_FILES;
  if (!parts.includes(metadata)) return [];
  const declared = declaredNodata(await readFile(`${path}${metadata}`, 'utf8'));
  const unused = bands.flatMap((band, index) => {
    const value = declared.get(index + 1);
    return value === undefined || isNodataOf(band, value) ? [] : [{ value, number: index + 1, band }];
  });
  const [first] = unused;
  if (first === undefined) return [];
  const { value, number, band } = first;
  const used = band.noDataValue === undefined ? 'no nodata value' : `the nodata value ${band.noDataValue}`;
  const cut = truncateToBytes(value, MAX_VALUE_BYTES);
  const others = unused.length === 1 ? '' : ` and values of ${unused.length - 1} more`;
  const message =
    `The ${metadata} file of ${file} declares the nodata value ${cut} of band ${number}${others}, which GDAL does ` +
    `not use for the format ${driverShortName}. The asset has ${used}. ` +
    'Set `metadata.raster.nodata` in the manifest to use the value.';
  return [{ code: 'NODATA_NOT_USED', file, message }];
}

/** The elements that have the nodata value of a band. Bands in a <Subdataset> are those of another image. */
const NODATA_PATH = ['PAMDataset', 'PAMRasterBand', 'NoDataValue'];
const BAND_NUMBER = /\sband\s*=\s*["'](\d+)["']/;

/**
 * The declared nodata values by the number of the band, in linear time. The last element of a band with a value is
 * used, and the first value in it, as in GDAL.
 */
function declaredNodata(xml: string): Map<number, string> {
  const values = new Map<number, string>();
  let [depth, matched, band] = [0, 0, 0];
  for (const { tag, end } of tagsOf(xml)) {
    if (tag.startsWith('</')) {
      matched = Math.min(matched, --depth);
      continue;
    }
    const isEmpty = tag.endsWith('/>');
    if (matched === depth && /^<([^\s/>]+)/.exec(tag)?.[1] === NODATA_PATH[depth]) {
      matched++;
      if (matched === NODATA_PATH.length - 1) band = Number(BAND_NUMBER.exec(tag)?.[1] ?? 1);
      if (matched === NODATA_PATH.length) {
        const value = xml.slice(end, Math.max(end, xml.indexOf('<', end))).trim();
        if (!isEmpty && /^\S+$/.test(value)) values.set(band, value);
        band = 0; // There is no band 0: further values of the element are not used.
      }
    }
    if (isEmpty) matched = Math.min(matched, depth);
    else depth++;
  }
  return values;
}

const SKIPPED = [
  { opened: '<!--', closed: '-->' },
  { opened: '<![CDATA[', closed: ']]>' },
  { opened: '<?', closed: '?>' },
];
const PART_OF_TAG = /"[^"]*"|'[^']*'|>/g;

/**
 * The tags of a document, and the position after each. Comments, instructions and CDATA sections are left out. saxes is
 * not used, because GDAL also reads documents that are not well-formed, such as one with a single `&` in a text.
 */
function* tagsOf(xml: string): Generator<{ tag: string; end: number }> {
  let end = 0;
  for (let start = xml.indexOf('<'); start >= 0; start = xml.indexOf('<', end)) {
    const skipped = SKIPPED.find(({ opened }) => xml.startsWith(opened, start));
    if (skipped !== undefined) {
      const closed = xml.indexOf(skipped.closed, start);
      if (closed < 0) return;
      end = closed + skipped.closed.length;
      continue;
    }
    PART_OF_TAG.lastIndex = start;
    let part = PART_OF_TAG.exec(xml);
    while (part !== null && part[0] !== '>') part = PART_OF_TAG.exec(xml);
    if (part === null) return;
    end = PART_OF_TAG.lastIndex;
    yield { tag: xml.slice(start, end), end };
  }
}

/** Whether GDAL uses a nodata value that is declared as text. */
export function isNodataOf({ noDataValue, type }: BandInfo, declared: string): boolean {
  if (noDataValue === undefined) return false;
  const [used, other] = [Number(noDataValue), Number(declared)];
  if (Number.isNaN(used) || Number.isNaN(other)) return String(noDataValue) === String(toPixelValue(declared));
  if (!Number.isSafeInteger(used) && typeof noDataValue === 'string') return noDataValue === declared;
  return used === other || (type === 'Float32' && Math.fround(other) === used);
}

/**
 * A note when the nodata value in a GeoTIFF is not the one that GDAL uses: for 64-bit integers, GDAL reads only the
 * digits before a point or an exponent, so `-9.22e+18` becomes -9. Other files are not read.
 */
export async function nodataTagNotes(
  { path, file }: { path: string; file: string },
  { bands: [band], driverShortName }: RasterInfo,
): Promise<Note[]> {
  if (driverShortName !== 'GTiff' || band === undefined || !/^U?Int64$/.test(band.type)) return [];
  await using tiff = await open(path);
  const declared = (await readTiffDirectories(tiff))?.[0]?.gdalNodata;
  if (declared === undefined || declared === '' || isNodataOf(band, declared)) return [];
  const used = band.noDataValue === undefined ? 'no nodata value' : `the nodata value ${band.noDataValue}`;
  const message =
    `${file} declares the nodata value ${declared} (tag GDAL_NODATA), of which GDAL reads only the first digits for ` +
    `the type ${band.type}. The asset has ${used}. Set \`metadata.raster.nodata\` in the manifest to use the value.`;
  return [{ code: 'NODATA_NOT_USED', file, message }];
}
