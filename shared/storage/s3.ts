import { addAbortSignal, type Readable } from 'node:stream';
import {
  CopyObjectCommand,
  CreateBucketCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  ListObjectsCommand,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import type { Env } from '#shared/config/env.ts';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { keyProblem } from '#shared/contracts/object-keys.ts';
import type { ObjectHead, ObjectStore, UploadOptions } from './object-store.ts';
import { describeObject, storeError, type ObjectRef } from './s3-errors.ts';
import { digest, ignored, sendFile, sendStream, toBytes, toFile, tooLarge } from './transfer.ts';

/** Enough for all functions of one process at once; idle sockets are reused. */
const MAX_SOCKETS = 128;
/** A server on the same network that takes longer to accept a connection is not there. The embedded one shares a process with work. */
const CONNECT_TIMEOUT_MS = 10_000;
/** A connection without a byte for this time is broken. */
const IDLE_TIMEOUT_MS = 60_000;

/** The S3 client of an environment: path style, since buckets have no host names here. Throws CONFIG_INVALID without S3_ENDPOINT. */
export function createS3Client(env: Env): S3Client {
  if (env.S3_ENDPOINT === undefined)
    throw new SluiceError(
      'CONFIG_INVALID',
      'S3_ENDPOINT is not set: it names the object store, such as http://127.0.0.1:9000.',
    );
  const agent = { keepAlive: true, maxSockets: MAX_SOCKETS };
  return new S3Client({
    endpoint: env.S3_ENDPOINT,
    region: env.S3_REGION,
    credentials: { accessKeyId: env.S3_ACCESS_KEY_ID, secretAccessKey: env.S3_SECRET_ACCESS_KEY },
    forcePathStyle: true,
    requestHandler: {
      connectionTimeout: CONNECT_TIMEOUT_MS,
      socketTimeout: IDLE_TIMEOUT_MS,
      httpAgent: agent,
      httpsAgent: agent,
    },
    // Whatever matters is hashed with SHA-256 by us; and s3rver would store the framing of a streamed body with a checksum at its end.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
  });
}

/** The object store at S3_ENDPOINT. Throws CONFIG_INVALID without one; the operations throw STORE_UNAVAILABLE and STORE_DENIED, and the signal's reason when aborted. */
export function openObjectStore(env: Env): ObjectStore {
  return new S3ObjectStore(createS3Client(env), env.LANDING_BUCKET);
}

class S3ObjectStore implements ObjectStore {
  readonly #client: S3Client;
  readonly #pingBucket: string;

  constructor(client: S3Client, pingBucket: string) {
    this.#client = client;
    this.#pingBucket = pingBucket;
  }

  async head(bucket: string, key: string): Promise<ObjectHead | undefined> {
    if (keyProblem(key) !== undefined) return undefined;
    try {
      const reply = await this.#client.send(new HeadObjectCommand({ Bucket: bucket, Key: key }));
      return headOf({ Key: key, Size: reply.ContentLength, ...reply });
    } catch (thrown) {
      const error = storeError(thrown, { bucket, key });
      if (error instanceof SluiceError && error.code === 'FILE_MISSING') return undefined;
      throw error;
    }
  }

  async read(
    bucket: string,
    key: string,
    options: { start?: number; end?: number; signal?: AbortSignal } = {},
  ): Promise<Readable> {
    return (await this.#get({ bucket, key }, options)).body;
  }

  async readBytes(bucket: string, key: string, options: { maxBytes: number; signal?: AbortSignal }): Promise<Buffer> {
    const object = { bucket, key };
    const { body, size } = await this.#get(object, options);
    return guarded(object, options.signal, async () => {
      if (size > options.maxBytes) {
        body.destroy();
        throw tooLarge(object, options.maxBytes);
      }
      return toBytes(body, object, options.maxBytes);
    });
  }

  async download(
    bucket: string,
    key: string,
    path: string,
    options: { maxBytes: number; signal: AbortSignal },
  ): Promise<{ sha256: string; size: number }> {
    const object = { bucket, key };
    const { body } = await this.#get(object, options);
    return guarded(object, options.signal, () => toFile(body, path, { object, ...options }));
  }

  async upload(
    bucket: string,
    key: string,
    path: string,
    options: UploadOptions,
  ): Promise<{ sha256: string; size: number }> {
    const object = checked({ bucket, key });
    const { signal, sha256 } = options;
    const size = await guarded(object, signal, () =>
      sendFile(
        this.#client,
        { Bucket: bucket, Key: key, ContentType: options.contentType, Metadata: options.metadata },
        path,
        signal,
      ),
    );
    const { body } = await this.#get(object, { signal });
    const stored = await guarded(object, signal, () => digest(body, signal));
    if (stored.sha256 === sha256 && stored.size === size) return stored;
    await this.delete(bucket, key);
    throw new SluiceError(
      'UPLOAD_CORRUPT',
      `${describeObject(object)} read back as ${stored.size} bytes with SHA-256 ${stored.sha256}, not ${size} bytes with ${sha256}. It was deleted.`,
      {
        details: { ...object, expected: { sha256, size }, stored },
      },
    );
  }

  async put(
    bucket: string,
    key: string,
    body: Buffer | string,
    options: { contentType?: string; metadata?: Record<string, string> } = {},
  ): Promise<void> {
    const object = checked({ bucket, key });
    await guarded(object, undefined, () =>
      this.#client.send(
        new PutObjectCommand({
          Bucket: bucket,
          Key: key,
          Body: body,
          ContentType: options.contentType,
          Metadata: options.metadata,
        }),
      ),
    );
  }

  async putStream(
    bucket: string,
    key: string,
    body: Readable,
    options: { size: number; contentType: string; signal: AbortSignal },
  ): Promise<void> {
    const object = checked({ bucket, key });
    const { size, contentType, signal } = options;
    await guarded(object, signal, () =>
      sendStream(this.#client, { Bucket: bucket, Key: key, ContentType: contentType }, body, size, signal),
    );
  }

  async copy(bucket: string, fromKey: string, toKey: string): Promise<void> {
    const from = checked({ bucket, key: fromKey });
    checked({ bucket, key: toKey });
    const source = `${bucket}/${fromKey}`;
    const path = encodeURI(source);
    // Servers differ in how they decode reserved characters of the source's name (s3rver leaves %23, MinIO cuts at #), so such an object goes through us.
    if (path !== source.split('/').map(encodeURIComponent).join('/')) return this.#copyThroughUs(from, toKey);
    await guarded(from, undefined, () =>
      this.#client.send(new CopyObjectCommand({ Bucket: bucket, Key: toKey, CopySource: path })),
    );
  }

  async #copyThroughUs(from: Required<ObjectRef>, toKey: string): Promise<void> {
    const { body, size, metadata, contentType } = await this.#get(from, {});
    await guarded(from, undefined, () =>
      this.#client.send(
        new PutObjectCommand({
          Bucket: from.bucket,
          Key: toKey,
          Body: body,
          ContentLength: size,
          ContentType: contentType,
          Metadata: metadata,
        }),
      ),
    );
  }

  async delete(bucket: string, key: string): Promise<void> {
    const object = checked({ bucket, key });
    await guarded(object, undefined, () => this.#client.send(new DeleteObjectCommand({ Bucket: bucket, Key: key })));
  }

  async *list(bucket: string, prefix: string): AsyncIterable<ObjectHead> {
    // Version 1 of the call, which goes on after a key: the token of version 2 needs a cipher in s3rver that OpenSSL 3 does not have.
    for (let last: string | undefined, more = true; more;) {
      // Without url encoding, names with control characters would break the XML of the reply.
      const page = await guarded({ bucket }, undefined, () =>
        this.#client.send(
          new ListObjectsCommand({ Bucket: bucket, Prefix: prefix, Marker: last, EncodingType: 'url' }),
        ),
      );
      const objects = page.Contents ?? [];
      for (const object of objects) {
        last = page.EncodingType === 'url' ? decodeURIComponent((object.Key ?? '').replaceAll('+', ' ')) : object.Key;
        yield headOf({ ...object, Key: last ?? '' });
      }
      more = page.IsTruncated === true && objects.length > 0;
    }
  }

  async ensureBucket(bucket: string): Promise<void> {
    await guarded({ bucket }, undefined, async () => {
      if (await this.#hasBucket(bucket)) return;
      await this.#client.send(new CreateBucketCommand({ Bucket: bucket })).catch((thrown: unknown) => {
        if ((thrown as { name?: string }).name !== 'BucketAlreadyOwnedByYou') throw thrown; // Made by another process meanwhile.
      });
    });
  }

  async ping(): Promise<void> {
    await guarded({ bucket: this.#pingBucket }, undefined, () => this.#hasBucket(this.#pingBucket));
  }

  close(): void {
    this.#client.destroy();
  }

  async #hasBucket(bucket: string): Promise<boolean> {
    try {
      await this.#client.send(new HeadBucketCommand({ Bucket: bucket }));
      return true;
    } catch (thrown) {
      if ((thrown as { $metadata?: { httpStatusCode?: number } }).$metadata?.httpStatusCode === 404) return false;
      throw thrown;
    }
  }

  async #get(
    object: Required<ObjectRef>,
    options: { start?: number; end?: number; signal?: AbortSignal },
  ): Promise<Opened> {
    const problem = keyProblem(object.key);
    if (problem !== undefined)
      throw new SluiceError('FILE_MISSING', `${describeObject(object)} does not exist: its key ${problem}.`, {
        details: { ...object },
      });
    const { start, end, signal } = options;
    const range = start === undefined && end === undefined ? undefined : `bytes=${start ?? 0}-${end ?? ''}`;
    const reply = await guarded(object, signal, () =>
      this.#client.send(new GetObjectCommand({ Bucket: object.bucket, Key: object.key, Range: range }), {
        abortSignal: signal,
      }),
    );
    const body = (reply.Body as Readable).on('error', ignored);
    if (signal !== undefined) addAbortSignal(signal, body);
    return { body, size: reply.ContentLength ?? 0, metadata: reply.Metadata ?? {}, contentType: reply.ContentType };
  }
}

interface Opened {
  body: Readable;
  size: number;
  metadata: Record<string, string>;
  contentType: string | undefined;
}

/** The object, when it can be written. Throws REQUEST_INVALID for a key that no object can have. */
function checked(object: Required<ObjectRef>): Required<ObjectRef> {
  const problem = keyProblem(object.key);
  if (problem === undefined) return object;
  throw new SluiceError('REQUEST_INVALID', `The key of ${describeObject(object)} ${problem}.`, {
    details: { ...object },
  });
}

async function guarded<T>(object: ObjectRef, signal: AbortSignal | undefined, work: () => Promise<T>): Promise<T> {
  try {
    signal?.throwIfAborted();
    return await work();
  } catch (thrown) {
    throw storeError(thrown, object, signal);
  }
}

interface S3Head {
  Key: string;
  Size?: number | undefined;
  ETag?: string | undefined;
  LastModified?: Date | undefined;
  Metadata?: Record<string, string> | undefined;
  ContentType?: string | undefined;
}

function headOf(head: S3Head): ObjectHead {
  return {
    key: head.Key,
    size: head.Size ?? 0,
    etag: (head.ETag ?? '').replaceAll('"', ''),
    modified: (head.LastModified ?? new Date(0)).toISOString(),
    metadata: head.Metadata ?? {},
    ...(head.ContentType === undefined ? {} : { contentType: head.ContentType }),
  };
}
