import { decompress } from 'fzstd';
import { addDecoder, BaseDecoder } from 'geotiff';

/** The code of zstd in the tag Compression. */
const ZSTD = 50_000;

/** In place of the decoder of geotiff.js, whose WebAssembly the Content-Security-Policy does not allow. */
class ZstdDecoder extends BaseDecoder {
  override decodeBlock(buffer: ArrayBufferLike): ArrayBufferLike {
    return decompress(new Uint8Array(buffer)).buffer;
  }
}

export function registerZstdDecoder(): void {
  addDecoder(ZSTD, () => Promise.resolve(ZstdDecoder));
}
