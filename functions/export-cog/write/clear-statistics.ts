import { open } from 'node:fs/promises';
import { readTiffDirectories } from '../check/tiff-directories.ts';

/** One item of GDAL's metadata in a TIFF. Its text is escaped, so that it contains no `<`. */
const STATISTICS_ITEM = /<Item name="STATISTICS_[^>]*>[^<]*<\/Item>/gi;

/** Replaces the statistics in GDAL's metadata by spaces, so that the length does not change. */
export function blankStatistics(metadata: string): string {
  return metadata.replaceAll(STATISTICS_ITEM, (item) => ' '.repeat(item.length));
}

/**
 * Removes the statistics that gdal_translate copied from the source. They can be estimates, or be computed with another
 * nodata value, and GDAL would use them instead of the pixels. GDAL has no option that omits only them. The positions
 * of all other bytes do not change.
 */
export async function clearStatistics(path: string): Promise<void> {
  await using file = await open(path, 'r+');
  for (const { gdalMetadata } of (await readTiffDirectories(file)) ?? []) {
    if (gdalMetadata === undefined) continue;
    const { offset, length } = gdalMetadata;
    const bytes = Buffer.alloc(length);
    await file.read(bytes, 0, length, offset);
    const text = bytes.toString('latin1'); // One character per byte.
    const cleared = blankStatistics(text);
    if (cleared !== text) await file.write(Buffer.from(cleared, 'latin1'), 0, length, offset);
  }
}
