import type { Readable } from 'node:stream';

/** Objects in buckets. One S3 client implements it (shared/storage/s3.ts); the server behind it is chosen by S3_ENDPOINT. */
export interface ObjectStore {
  /** Undefined when there is none. */
  head(bucket: string, key: string): Promise<ObjectHead | undefined>;
  /** A stream of the object, or of bytes `start` to `end` (inclusive). Throws FILE_MISSING. */
  read(
    bucket: string,
    key: string,
    options?: { start?: number; end?: number; signal?: AbortSignal },
  ): Promise<Readable>;
  /** The object whole. Throws FILE_TOO_LARGE past `maxBytes`, FILE_MISSING. */
  readBytes(bucket: string, key: string, options: { maxBytes: number; signal?: AbortSignal }): Promise<Buffer>;
  /** Streams the object to a file and hashes it. Throws FILE_MISSING, FILE_TOO_LARGE, DISK_FULL. */
  download(
    bucket: string,
    key: string,
    path: string,
    options: { maxBytes: number; signal: AbortSignal },
  ): Promise<{ sha256: string; size: number }>;
  /** Uploads a file, reads it back, and compares size and hash; a bad target is deleted. Throws UPLOAD_CORRUPT. */
  upload(bucket: string, key: string, path: string, options: UploadOptions): Promise<{ sha256: string; size: number }>;
  /** Writes a small object. */
  put(
    bucket: string,
    key: string,
    body: Buffer | string,
    options?: { contentType?: string; metadata?: Record<string, string> },
  ): Promise<void>;
  /** Writes an object of `size` bytes from a stream, whole or not at all, in memory that does not grow with it. Throws REQUEST_INVALID when the stream has another length. */
  putStream(
    bucket: string,
    key: string,
    body: Readable,
    options: { size: number; contentType: string; signal: AbortSignal },
  ): Promise<void>;
  copy(bucket: string, fromKey: string, toKey: string): Promise<void>;
  /** Deletes; nothing happens when there is no such object. */
  delete(bucket: string, key: string): Promise<void>;
  list(bucket: string, prefix: string): AsyncIterable<ObjectHead>;
  /** Creates the bucket when there is none. */
  ensureBucket(bucket: string): Promise<void>;
  /** Resolves when the store answers. Throws STORE_UNAVAILABLE, STORE_DENIED. */
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
  /** User metadata: ASCII values. */
  metadata: Record<string, string>;
  /** Hash of the file: what the store gives back must have it. */
  sha256: string;
  signal: AbortSignal;
}
