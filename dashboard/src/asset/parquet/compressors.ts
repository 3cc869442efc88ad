import { decompress } from 'fzstd';

/** All assets are compressed with zstd. */
export const compressors = {
  ZSTD: (input: Uint8Array, length: number) => decompress(input, new Uint8Array(length)),
};
