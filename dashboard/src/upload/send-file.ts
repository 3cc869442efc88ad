import { errorOfText, UNREACHABLE, ApiError } from '../api/client.ts';

/** What the gateway returns about a stored file. */
export interface StoredFile {
  path: string;
  key: string;
  size_bytes: number;
}

export interface SendOptions {
  signal: AbortSignal;
  /** The bytes that were sent so far. */
  onProgress: (sent: number) => void;
}

const CREATED = 201;

/**
 * Uploads a file to the landing zone. XMLHttpRequest, because fetch does not report the progress of an upload. Throws
 * ApiError, and the reason of an aborted signal.
 */
export function sendFile(key: string, file: File, { signal, onProgress }: SendOptions): Promise<StoredFile> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    const abort = () => request.abort();
    const end = (finish: () => void) => {
      signal.removeEventListener('abort', abort);
      finish();
    };
    request.open('PUT', `/api/landing/${key.split('/').map(encodeURIComponent).join('/')}`);
    request.setRequestHeader('content-type', 'application/octet-stream');
    request.upload.addEventListener('progress', ({ loaded }) => onProgress(loaded));
    request.addEventListener('load', () =>
      end(() => {
        if (request.status === CREATED) resolve(JSON.parse(request.responseText) as StoredFile);
        else reject(errorOfText(request.responseText, request.status));
      }),
    );
    request.addEventListener('error', () => end(() => reject(connectionLost(file))));
    request.addEventListener('abort', () => end(() => reject(signal.reason as Error)));
    signal.addEventListener('abort', abort, { once: true });
    request.send(file);
  });
}

/** The browser states no reason. A file that has changed on the disk fails in the same way. */
function connectionLost({ name }: File): ApiError {
  return new ApiError(
    `The upload of ${name} was interrupted. Check the connection to the gateway, and that the file did not change.`,
    UNREACHABLE,
    0,
  );
}
