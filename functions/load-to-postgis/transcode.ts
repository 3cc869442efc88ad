import { createReadStream, createWriteStream } from 'node:fs';
import { open, rename } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import type { VectorSource } from './fetch-vector.ts';

/** GDAL reads CSV and GeoJSON as UTF-8 only; a file in another encoding is turned into it first, on disk, a chunk at a time. */

const UTF8 = /^utf-?8$/i;

/** Makes the source UTF-8 when the manifest names another encoding or the file begins with UTF-16's mark. Throws ENCODING_INVALID. */
export async function ensureUtf8(source: VectorSource, signal: AbortSignal): Promise<void> {
  if (source.format.encoding !== 'transcode') return;
  const encoding = source.declared.encoding ?? (await utf16Mark(source.path));
  if (encoding === undefined || UTF8.test(encoding)) return;
  const decoder = decoderOf(encoding, source.file);
  const target = `${source.path}.utf8`;
  const decode = async function* (chunks: AsyncIterable<Buffer>) {
    try {
      for await (const chunk of chunks) yield decoder.decode(chunk, { stream: true });
      yield decoder.decode();
    } catch (cause) {
      throw new SluiceError('ENCODING_INVALID', `The text of ${source.file} is not in ${encoding}. Correct \`encoding\` in the manifest.`, { cause, details: { file: source.file, encoding } });
    }
  };
  await pipeline(createReadStream(source.path), decode, createWriteStream(target), { signal });
  await rename(target, source.path);
}

function decoderOf(encoding: string, file: string): TextDecoder {
  try {
    return new TextDecoder(encoding, { fatal: true });
  } catch (cause) {
    throw new SluiceError('ENCODING_INVALID', `${JSON.stringify(encoding)} is not an encoding that Sluice knows, for ${file}. Use a name such as UTF-8, ISO-8859-1 or windows-1252.`, { cause, details: { file, encoding } });
  }
}

async function utf16Mark(path: string): Promise<string | undefined> {
  const handle = await open(path);
  try {
    const { buffer } = await handle.read(Buffer.alloc(2), 0, 2, 0);
    return buffer[0] === 0xff && buffer[1] === 0xfe ? 'utf-16le' : buffer[0] === 0xfe && buffer[1] === 0xff ? 'utf-16be' : undefined;
  } finally {
    await handle.close();
  }
}
