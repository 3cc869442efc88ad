import type { AsyncBuffer } from 'hyparquet';
import { DataError } from './data-error.ts';

/** Concurrent requests. A browser opens six connections to a server, and one remains for the API. */
const MAX_REQUESTS = 5;
const PARTIAL_CONTENT = 206;

/** Identifies one version of an object, and how to read it. */
export interface RemoteFile {
  url: string;
  /** Bytes. */
  size: number;
  /** Strong entity tag. If-Range names it, so that parts of different objects are never combined. */
  etag: string;
}

/** Reads ranges of an object through the gateway. `slice` throws DataError. */
export function rangedFile({ url, size, etag }: RemoteFile): AsyncBuffer & { bytesRead: () => number } {
  const waiting: (() => void)[] = [];
  let running = 0;
  let bytesRead = 0;
  const start = async () => {
    if (running >= MAX_REQUESTS) await new Promise<void>((resolve) => waiting.push(resolve));
    running += 1;
  };
  const end = () => {
    running -= 1;
    waiting.shift()?.();
  };
  return {
    byteLength: size,
    bytesRead: () => bytesRead,
    slice: async (first, last = size) => {
      await start();
      try {
        const content = await readRange(url, etag, first, last);
        bytesRead += content.byteLength;
        return content;
      } finally {
        end();
      }
    },
  };
}

async function readRange(url: string, etag: string, first: number, last: number): Promise<ArrayBuffer> {
  const headers = { range: `bytes=${first}-${last - 1}`, 'if-range': etag };
  let response;
  try {
    response = await fetch(url, { headers });
  } catch (cause) {
    throw new DataError('The gateway does not respond. Check that Sluice is running, and reload the page.', { cause });
  }
  if (response.status !== PARTIAL_CONTENT) {
    await response.body?.cancel();
    throw new DataError(`The gateway returned HTTP status ${response.status} for a part of the file. Reload the page.`);
  }
  return await response.arrayBuffer();
}
