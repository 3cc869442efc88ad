import { fromUrl, type GeoTIFF, type GeoTIFFImage } from 'geotiff';
import type { Box } from '../map/covering.ts';
import { DataError } from '../worker/data-error.ts';
import type { RemoteFile } from '../worker/ranged-file.ts';
import { registerZstdDecoder } from './zstd-decoder.ts';

/** One resolution of a COG. */
export interface Level {
  image: GeoTIFFImage;
  /** The mask of valid pixels in the same resolution. */
  mask: GeoTIFFImage | undefined;
  width: number;
  height: number;
}

export interface Cog {
  tiff: GeoTIFF;
  /** Finest first. */
  levels: [Level, ...Level[]];
  /** In the CRS of the raster. */
  extent: Box;
  palette: ArrayLike<number> | undefined;
}

/** Bits of the tag NewSubfileType. */
const MASK = 4;
const PALETTE_COLOR = 3;
/** A block of the cache. The header of a COG with its overviews fits into one. */
const BLOCK_BYTES = 64 * 1024;
/** Blocks that geotiff.js keeps: 16 MB. */
const CACHED_BLOCKS = 256;

registerZstdDecoder();

export async function openCog({ url, etag }: RemoteFile): Promise<Cog> {
  const options = { headers: { 'if-range': etag }, blockSize: BLOCK_BYTES, cacheSize: CACHED_BLOCKS };
  const tiff = await fromUrl(url, options);
  const images: GeoTIFFImage[] = [];
  for (let index = 0; index < (await tiff.getImageCount()); index++) images.push(await tiff.getImage(index));
  const isMask = (image: GeoTIFFImage) => ((image.fileDirectory.getValue('NewSubfileType') ?? 0) & MASK) !== 0;
  const masks = images.filter(isMask);
  const levels = images
    .filter((image) => !isMask(image))
    .map((image): Level => {
      const [width, height] = [image.getWidth(), image.getHeight()];
      return {
        image,
        width,
        height,
        mask: masks.find((mask) => mask.getWidth() === width && mask.getHeight() === height),
      };
    })
    .sort((a, b) => b.width - a.width);
  const [finest, ...overviews] = levels;
  if (!finest) throw new DataError('The file contains no image.');
  const isPalette = finest.image.fileDirectory.getValue('PhotometricInterpretation') === PALETTE_COLOR;
  const palette = isPalette
    ? ((await finest.image.fileDirectory.loadValue('ColorMap')) as ArrayLike<number> | undefined)
    : undefined;
  return { tiff, levels: [finest, ...overviews], extent: finest.image.getBoundingBox() as Box, palette };
}
