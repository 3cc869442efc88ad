import type { TiffDirectory } from './tiff-directories.ts';

/** Block size of every asset, in pixels. */
export const BLOCK_SIZE = 512;

/**
 * Checks the rules of Cloud Optimized GeoTIFF (OGC 21-026) about the layout of the file: tiles, overviews down to one
 * block, directories in order and before the data, data of small overviews before the data of larger ones. Returns a
 * description of each violation.
 */
export function checkCogLayout(directories: TiffDirectory[]): string[] {
  const images = directories.filter((directory) => !directory.mask);
  const [full, ...overviews] = images;
  if (full === undefined) return ['it contains no image'];
  return [
    ...checkTiles(directories),
    ...checkOverviews(full, overviews),
    ...checkDirectoryOrder(directories),
    ...checkDataOrder(images),
  ];
}

function checkTiles(directories: TiffDirectory[]): string[] {
  return directories
    .filter((directory) => directory.tileWidth !== BLOCK_SIZE || directory.tileHeight !== BLOCK_SIZE)
    .map((directory) => `the image of ${directory.width} x ${directory.height} is not in tiles of ${BLOCK_SIZE}`);
}

function checkOverviews(full: TiffDirectory, overviews: TiffDirectory[]): string[] {
  const problems: string[] = [];
  if (full.reducedResolution) problems.push('the first directory is not the full image');
  let previous = full;
  for (const overview of overviews) {
    if (!overview.reducedResolution)
      problems.push(`the image of ${overview.width} x ${overview.height} is not marked as an overview`);
    if (overview.width > previous.width || overview.height > previous.height)
      problems.push('overviews are not ordered from large to small');
    previous = overview;
  }
  if (previous.width > BLOCK_SIZE || previous.height > BLOCK_SIZE) {
    const size = `${previous.width} x ${previous.height}`;
    problems.push(`the smallest image, ${size}, is larger than one block: overviews are missing`);
  }
  return problems;
}

/** A reader gets the layout of the file with one request, because all directories are before all data. */
function checkDirectoryOrder(directories: TiffDirectory[]): string[] {
  const problems: string[] = [];
  if (directories.some((directory, index) => index > 0 && directory.offset < (directories[index - 1]?.offset ?? 0)))
    problems.push('directories are not in order');
  const endOfDirectories = Math.max(...directories.map((directory) => directory.end));
  const startOfData = Math.min(...directories.map((directory) => directory.firstBlock ?? Infinity));
  if (startOfData < endOfDirectories) problems.push('data precedes the last directory');
  return problems;
}

function checkDataOrder(images: TiffDirectory[]): string[] {
  const withData = images.filter((image) => image.firstBlock !== undefined);
  const isUnordered = withData.some(
    (image, index) => index > 0 && (image.lastBlock ?? 0) > (withData[index - 1]?.firstBlock ?? Infinity),
  );
  return isUnordered ? ['data of an overview follows the data of a larger image'] : [];
}
