import type { Readable } from 'node:stream';

/**
 * The object store port: objects in buckets. Implemented for S3 in shared/storage/s3.ts; S3_ENDPOINT selects the
 * server.
 */
export interface ObjectStore {
  /** Properties of an object. Undefined if it does not exist. */
  head(bucket: string, key: string): Promise<ObjectHead | undefined>;
  /** Opens a stream of the object, or of bytes `start` to `end` (inclusive). Throws FILE_MISSING. */
  read(
    bucket: string,
    key: string,
    options?: { start?: number; end?: number; signal?: AbortSignal },
  ): Promise<Readable>;
  /** Reads the whole object into memory. Throws FILE_TOO_LARGE above `maxBytes`, FILE_MISSING. */
  readBytes(bucket: string, key: string, options: { maxBytes: number; signal?: AbortSignal }): Promise<Buffer>;
  /** Downloads the object to a file and hashes it. Throws FILE_MISSING, FILE_TOO_LARGE, DISK_FULL. */
  download(
    bucket: string,
    key: string,
    path: string,
    options: { maxBytes: number; signal: AbortSignal },
  ): Promise<{ sha256: string; size: number }>;
  /**
   * Uploads a file, reads the object, and compares size and hash. If they differ, the object is deleted. Throws
   * UPLOAD_CORRUPT.
   */
  upload(bucket: string, key: string, path: string, options: UploadOptions): Promise<{ sha256: string; size: number }>;
  /** Writes a small object. */
  put(
    bucket: string,
    key: string,
    body: Buffer | string,
    options?: { contentType?: string; metadata?: Record<string, string> },
  ): Promise<void>;
  /**
   * Writes an object of `size` bytes from a stream, with constant memory. Throws REQUEST_INVALID, and writes nothing,
   * if the stream has another length.
   */
  putStream(
    bucket: string,
    key: string,
    body: Readable,
    options: { size: number; contentType: string; signal: AbortSignal },
  ): Promise<void>;
  copy(bucket: string, fromKey: string, toKey: string): Promise<void>;
  /** Deletes an object. Does nothing if it does not exist. */
  delete(bucket: string, key: string): Promise<void>;
  list(bucket: string, prefix: string): AsyncIterable<ObjectHead>;
  /** Creates the bucket if it does not exist. True if it was created. */
  ensureBucket(bucket: string, signal?: AbortSignal): Promise<boolean>;
  /** Sends a request to the store. Throws STORE_UNAVAILABLE, STORE_DENIED. */
  ping(): Promise<void>;
  close(): void;
}

export interface ObjectHead {
  key: string;
  size: number;
  etag: string;
  modified: string;
  metadata: Record<string, string>;
  contentType?: string | undefined;
}

export interface UploadOptions {
  contentType: string;
  /** User metadata with ASCII values. */
  metadata: Record<string, string>;
  /** SHA-256 of the file, compared with the stored object. */
  sha256: string;
  signal: AbortSignal;
}
