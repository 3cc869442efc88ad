import { open } from 'node:fs/promises';
import { readTiffDirectories } from '../check/tiff-directories.ts';

/** One item of GDAL's metadata in a TIFF; its text is escaped, so that it holds no `<`. */
const STATISTICS_ITEM = /<Item name="STATISTICS_[^>]*>[^<]*<\/Item>/gi;

/** GDAL's metadata without statistics, of the same length: spaces stand where they stood. */
export function blankStatistics(metadata: string): string {
  return metadata.replaceAll(STATISTICS_ITEM, (item) => ' '.repeat(item.length));
}

/**
 * Takes out of a TIFF the statistics that it got from its source: they need not be true, were perhaps estimated or counted with another nodata value,
 * and GDAL would believe them. It has no option for that which loses nothing else. All else stays in its place.
 */
export async function clearStatistics(path: string): Promise<void> {
  await using file = await open(path, 'r+');
  for (const { gdalMetadata } of (await readTiffDirectories(file)) ?? []) {
    if (gdalMetadata === undefined) continue;
    const { offset, length } = gdalMetadata;
    const bytes = Buffer.alloc(length);
    await file.read(bytes, 0, length, offset);
    const text = bytes.toString('latin1'); // A character for each byte.
    const cleared = blankStatistics(text);
    if (cleared !== text) await file.write(Buffer.from(cleared, 'latin1'), 0, length, offset);
  }
}
