/**
 * The bytes of a stream. Throws `tooLarge()` and stops reading after `maxBytes`, so that a long body does not fill
 * memory.
 */
export async function readAtMost(
  chunks: AsyncIterable<Uint8Array>,
  maxBytes: number,
  tooLarge: () => Error,
): Promise<Buffer> {
  const read: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of chunks) {
    size += chunk.byteLength;
    if (size > maxBytes) throw tooLarge();
    read.push(chunk);
  }
  return Buffer.concat(read, size);
}
