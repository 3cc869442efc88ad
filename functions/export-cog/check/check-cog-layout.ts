import type { TiffDirectory } from './tiff-directories.ts';

/** Block size of every asset, in pixels. */
export const BLOCK_SIZE = 512;

/**
 * The rules of a Cloud Optimized GeoTIFF (OGC 21-026) that the layout of the file shows: tiled, with overviews down to one
 * block, directories first and in order, data of small overviews before that of large ones. Returns what is broken, in words.
 */
export function checkCogLayout(directories: TiffDirectory[]): string[] {
  const images = directories.filter((directory) => !directory.mask);
  const [full, ...overviews] = images;
  if (full === undefined) return ['it holds no image'];
  return [...tiling(directories), ...pyramid(full, overviews), ...order(directories), ...data(images)];
}

function tiling(directories: TiffDirectory[]): string[] {
  return directories
    .filter((directory) => directory.tileWidth !== BLOCK_SIZE || directory.tileHeight !== BLOCK_SIZE)
    .map((directory) => `the image of ${directory.width} x ${directory.height} is not in tiles of ${BLOCK_SIZE}`);
}

function pyramid(full: TiffDirectory, overviews: TiffDirectory[]): string[] {
  const problems: string[] = [];
  if (full.reducedResolution) problems.push('the first directory is not the full image');
  let last = full;
  for (const overview of overviews) {
    if (!overview.reducedResolution)
      problems.push(`the image of ${overview.width} x ${overview.height} is not marked as an overview`);
    if (overview.width > last.width || overview.height > last.height)
      problems.push('overviews are not ordered from large to small');
    last = overview;
  }
  if (last.width > BLOCK_SIZE || last.height > BLOCK_SIZE)
    problems.push(
      `the smallest image, ${last.width} x ${last.height}, is larger than one block: overviews are missing`,
    );
  return problems;
}

/** Readers fetch the head of the file and know the whole layout: so all directories stand before all data, in order. */
function order(directories: TiffDirectory[]): string[] {
  const problems: string[] = [];
  if (directories.some((directory, index) => index > 0 && directory.offset < (directories[index - 1]?.offset ?? 0)))
    problems.push('directories are not in order');
  const lastDirectory = Math.max(...directories.map((directory) => directory.end));
  const firstData = Math.min(...directories.map((directory) => directory.firstBlock ?? Infinity));
  if (firstData < lastDirectory) problems.push('data stands before the last directory');
  return problems;
}

function data(images: TiffDirectory[]): string[] {
  const withData = images.filter((image) => image.firstBlock !== undefined);
  const wrong = withData.some(
    (image, index) => index > 0 && (image.lastBlock ?? 0) > (withData[index - 1]?.firstBlock ?? Infinity),
  );
  return wrong ? ['data of an overview stands after that of a larger image'] : [];
}
