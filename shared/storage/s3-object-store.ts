import { addAbortSignal, type Readable } from 'node:stream';
import {
  CopyObjectCommand,
  CreateBucketCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import { keyProblem } from '#shared/contracts/object-keys.ts';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { ignoreError } from '#shared/streams/file-streams.ts';
import type { ObjectHead, ObjectStore, UploadOptions } from './object-store.ts';
import { objectName, type ObjectRef, storeError } from './s3-errors.ts';
import { checkKey, mapErrors, toObjectHead } from './s3-objects.ts';
import {
  hashStream,
  MULTIPART_BYTES,
  readToBuffer,
  tooLarge,
  uploadFile,
  uploadStream,
  writeToFile,
} from './transfer.ts';

export interface StoreOptions {
  /** Largest number of connections at the same time. */
  maxSockets?: number;
  /** A larger upload is sent in parts. */
  multipartBytes?: number;
  /** The most objects in one response of a listing. By default, the store decides; S3 sends 1,000. */
  pageKeys?: number;
}

/** The objects of a store of S3, without spans. */
export class S3ObjectStore implements ObjectStore {
  readonly #client: S3Client;
  readonly #pingBucket: string;
  readonly #multipartBytes: number;
  readonly #pageKeys: number | undefined;

  constructor(client: S3Client, pingBucket: string, { multipartBytes = MULTIPART_BYTES, pageKeys }: StoreOptions) {
    this.#client = client;
    this.#pingBucket = pingBucket;
    this.#multipartBytes = multipartBytes;
    this.#pageKeys = pageKeys;
  }

  async head(bucket: string, key: string): Promise<ObjectHead | undefined> {
    if (keyProblem(key) !== undefined) return undefined;
    try {
      const response = await this.#client.send(new HeadObjectCommand({ Bucket: bucket, Key: key }));
      return toObjectHead({ Key: key, Size: response.ContentLength, ...response });
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
    return mapErrors(object, options.signal, async () => {
      if (size > options.maxBytes) {
        body.destroy();
        throw tooLarge(object, options.maxBytes);
      }
      return readToBuffer(body, object, options.maxBytes);
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
    return mapErrors(object, options.signal, () => writeToFile(body, path, { object, ...options }));
  }

  async upload(
    bucket: string,
    key: string,
    path: string,
    options: UploadOptions,
  ): Promise<{ sha256: string; size: number }> {
    const object = checkKey({ bucket, key });
    const { signal, sha256 } = options;
    const size = await mapErrors(object, signal, () =>
      uploadFile(
        this.#client,
        { Bucket: bucket, Key: key, ContentType: options.contentType, Metadata: options.metadata },
        path,
        { multipartBytes: this.#multipartBytes, signal },
      ),
    );
    const { body } = await this.#get(object, { signal });
    const stored = await mapErrors(object, signal, () => hashStream(body, signal));
    if (stored.sha256 === sha256 && stored.size === size) return stored;
    await this.delete(bucket, key);
    throw new SluiceError(
      'UPLOAD_CORRUPT',
      `The object store returned ${stored.size} bytes with SHA-256 ${stored.sha256} for ${objectName(object)}, ` +
        `but ${size} bytes with SHA-256 ${sha256} were uploaded. The object was deleted.`,
      { details: { ...object, expected: { sha256, size }, stored } },
    );
  }

  async put(
    bucket: string,
    key: string,
    body: Buffer | string,
    options: { contentType?: string; metadata?: Record<string, string> } = {},
  ): Promise<void> {
    const object = checkKey({ bucket, key });
    await mapErrors(object, undefined, () =>
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
    const object = checkKey({ bucket, key });
    const { size, contentType, signal } = options;
    await mapErrors(object, signal, () =>
      uploadStream(this.#client, { Bucket: bucket, Key: key, ContentType: contentType }, body, {
        size,
        multipartBytes: this.#multipartBytes,
        signal,
      }),
    );
  }

  async copy(bucket: string, fromKey: string, toKey: string): Promise<void> {
    const from = checkKey({ bucket, key: fromKey });
    checkKey({ bucket, key: toKey });
    const source = `${bucket}/${fromKey}`;
    const path = encodeURI(source);
    // Servers decode reserved characters of the source key differently (s3rver keeps %23, MinIO truncates at #). Such
    // an object is downloaded and uploaded instead.
    if (path !== source.split('/').map(encodeURIComponent).join('/')) return this.#copyByDownload(from, toKey);
    await mapErrors(from, undefined, () =>
      this.#client.send(new CopyObjectCommand({ Bucket: bucket, Key: toKey, CopySource: path })),
    );
  }

  async #copyByDownload(from: Required<ObjectRef>, toKey: string): Promise<void> {
    const { body, size, metadata, contentType } = await this.#get(from, {});
    await mapErrors(from, undefined, () =>
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
    if (keyProblem(key) !== undefined) return; // No object can have this key.
    const object = { bucket, key };
    await mapErrors(object, undefined, () => this.#client.send(new DeleteObjectCommand({ Bucket: bucket, Key: key })));
  }

  async *list(bucket: string, prefix: string): AsyncIterable<ObjectHead> {
    // Without URL encoding, keys with control characters make the XML of the response invalid.
    const request = { Bucket: bucket, Prefix: prefix, MaxKeys: this.#pageKeys, EncodingType: 'url' as const };
    for (let token: string | undefined, more = true; more;) {
      const page = await mapErrors({ bucket }, undefined, () =>
        this.#client.send(new ListObjectsV2Command({ ...request, ContinuationToken: token })),
      );
      for (const object of page.Contents ?? []) {
        const key = object.Key ?? '';
        const decoded = page.EncodingType === 'url' ? decodeURIComponent(key.replaceAll('+', ' ')) : key;
        yield toObjectHead({ ...object, Key: decoded });
      }
      token = page.NextContinuationToken;
      more = page.IsTruncated === true && token !== undefined;
    }
  }

  async ensureBucket(bucket: string, signal?: AbortSignal): Promise<boolean> {
    const options = signal === undefined ? {} : { abortSignal: signal };
    return mapErrors({ bucket }, signal, async () => {
      // The reply to a listing, unlike that to HeadBucket, names the reason of a denial.
      const request = new ListObjectsV2Command({ Bucket: bucket, MaxKeys: 1 });
      if (await exists(() => this.#client.send(request, options))) return false;
      try {
        await this.#client.send(new CreateBucketCommand({ Bucket: bucket }), options);
        return true;
      } catch (thrown) {
        // Another process created the bucket after the check.
        const { name } = thrown as { name?: string };
        if (name === 'BucketAlreadyOwnedByYou') return false;
        if (name !== 'AccessDenied') throw thrown;
        const text = `Bucket ${bucket} does not exist, and this access key cannot create it.`;
        throw new SluiceError('STORE_DENIED', `${text} Run npx sluice setup-storage.`, {
          details: { bucket },
          cause: thrown,
        });
      }
    });
  }

  async ping(): Promise<void> {
    const request = new HeadBucketCommand({ Bucket: this.#pingBucket });
    await mapErrors({ bucket: this.#pingBucket }, undefined, () => exists(() => this.#client.send(request)));
  }

  close(): void {
    this.#client.destroy();
  }

  async #get(
    object: Required<ObjectRef>,
    options: { start?: number; end?: number; signal?: AbortSignal },
  ): Promise<Download> {
    const problem = keyProblem(object.key);
    if (problem !== undefined)
      throw new SluiceError('FILE_MISSING', `${objectName(object)} does not exist, because its key ${problem}.`, {
        details: { ...object },
      });
    const { start, end, signal } = options;
    const range = start === undefined && end === undefined ? undefined : `bytes=${start ?? 0}-${end ?? ''}`;
    const response = await mapErrors(object, signal, () =>
      this.#client.send(new GetObjectCommand({ Bucket: object.bucket, Key: object.key, Range: range }), {
        abortSignal: signal,
      }),
    );
    const body = (response.Body as Readable).on('error', ignoreError);
    if (signal !== undefined) addAbortSignal(signal, body);
    return {
      body,
      size: response.ContentLength ?? 0,
      metadata: response.Metadata ?? {},
      contentType: response.ContentType,
    };
  }
}

/** Whether a request for a bucket finds it. */
async function exists(request: () => Promise<unknown>): Promise<boolean> {
  try {
    await request();
    return true;
  } catch (thrown) {
    if ((thrown as { $metadata?: { httpStatusCode?: number } }).$metadata?.httpStatusCode === 404) return false;
    throw thrown;
  }
}

/** An open download. */
interface Download {
  body: Readable;
  size: number;
  metadata: Record<string, string>;
  contentType: string | undefined;
}
