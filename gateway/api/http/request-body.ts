import { SluiceError } from '#shared/errors/sluice-error.ts';

/** The body of a request, read no further than `maxBytes`. Throws REQUEST_TOO_LARGE. */
export async function readBody(request: Request, maxBytes: number): Promise<Buffer> {
  const tooLarge = () =>
    new SluiceError('REQUEST_TOO_LARGE', `The body is larger than ${maxBytes} bytes.`, {
      details: { max_bytes: maxBytes },
    });
  if (Number(request.headers.get('content-length') ?? 0) > maxBytes) throw tooLarge();
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of request.body ?? []) {
    size += chunk.byteLength;
    if (size > maxBytes) throw tooLarge();
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
