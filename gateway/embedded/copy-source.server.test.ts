import { mkdtempSync, readdirSync } from 'node:fs';
import { rm, stat, writeFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import {
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  CreateMultipartUploadCommand,
  GetObjectCommand,
  HeadObjectCommand,
  PutObjectCommand,
  S3Client,
  UploadPartCopyCommand,
} from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { STORE_KEYS } from '../../tests/servers.ts';
import { copyObjects } from './copy-source.ts';
import { type EmbeddedObjectStore, startObjectStore } from './object-store.ts';
import type { KoaContext, S3rverStore } from './s3rver.ts';

const MEBIBYTE = 2 ** 20;
const [LANDING, LAKE] = ['landing-zone', 'data-lake'];
const Key = 'Straßen & Wege/a b+c#1 100%?/größe 🗺.tif';
const CopySource = `${LANDING}/${Key.split('/').map(encodeURIComponent).join('/')}`;
/** Larger than the buffers of streams, and each position has another value. */
const CONTENT = Buffer.from(Uint32Array.from({ length: 3 * MEBIBYTE + 1 }, (_, at) => at * 2654435761).buffer);

const directory = mkdtempSync(join(tmpdir(), 'sluice copies #é '));
let store: EmbeddedObjectStore;
let s3: S3Client;
beforeAll(async () => {
  store = await startObjectStore({ directory, port: 0, buckets: [LANDING, LAKE], keys: STORE_KEYS });
  const options = { region: 'us-east-1', forcePathStyle: true, maxAttempts: 1, credentials: STORE_KEYS };
  s3 = new S3Client({ endpoint: store.endpoint, ...options });
  await s3.send(new PutObjectCommand({ Bucket: LANDING, Key, Body: CONTENT, Metadata: { run_id: 'r1' } }));
});
afterAll(async () => {
  s3.destroy();
  await store.stop();
  await rm(directory, { recursive: true, force: true });
});

type CopyInput = Partial<ConstructorParameters<typeof UploadPartCopyCommand>[0]>;

async function begin(target = 'copy'): Promise<string> {
  const { UploadId = '' } = await s3.send(new CreateMultipartUploadCommand({ Bucket: LAKE, Key: target }));
  return UploadId;
}

const copyPart = (input: CopyInput, target = 'copy') =>
  s3.send(new UploadPartCopyCommand({ Bucket: LAKE, Key: target, UploadId: '', PartNumber: 1, CopySource, ...input }));

async function read(target: string): Promise<Buffer> {
  const { Body } = await s3.send(new GetObjectCommand({ Bucket: LAKE, Key: target }));
  return Buffer.from((await Body?.transformToByteArray()) ?? []);
}

describe('UploadPartCopy', () => {
  test('copies ranges of an object to another bucket', async () => {
    const UploadId = await begin();
    const cuts = [0, 5 * MEBIBYTE + 3, 10 * MEBIBYTE, CONTENT.length];
    const ranges = cuts.slice(1).map((end, index) => `bytes=${cuts[index]}-${end - 1}`);
    const parts = await Promise.all(
      ranges.map(async (CopySourceRange, index) => {
        const PartNumber = index + 1;
        const { CopyPartResult } = await copyPart({ UploadId, PartNumber, CopySourceRange });
        expect(CopyPartResult?.LastModified?.getTime()).toBeGreaterThan(0);
        return { PartNumber, ETag: CopyPartResult?.ETag };
      }),
    );
    await s3.send(
      new CompleteMultipartUploadCommand({ Bucket: LAKE, Key: 'copy', UploadId, MultipartUpload: { Parts: parts } }),
    );
    expect((await read('copy')).equals(CONTENT)).toBe(true);
  });

  test('copies a whole object and an empty one as parts, beside an uploaded part', async () => {
    await s3.send(new PutObjectCommand({ Bucket: LAKE, Key: 'empty', Body: Buffer.alloc(0) }));
    const UploadId = await begin('whole');
    const whole = await copyPart(
      { UploadId, PartNumber: 10_000, CopySource: `/${CopySource}?versionId=null` },
      'whole',
    );
    const empty = await copyPart({ UploadId, PartNumber: 2, CopySource: `${LAKE}/empty` }, 'whole');
    const Parts = [
      { PartNumber: 2, ETag: empty.CopyPartResult?.ETag },
      { PartNumber: 10_000, ETag: whole.CopyPartResult?.ETag },
    ];
    await s3.send(
      new CompleteMultipartUploadCommand({ Bucket: LAKE, Key: 'whole', UploadId, MultipartUpload: { Parts } }),
    );
    expect((await read('whole')).equals(CONTENT)).toBe(true);
  });

  test.each<[CopyInput, string, number]>([
    [{ CopySource: `${LANDING}/missing` }, 'NoSuchKey', 404],
    [{ CopySource: `${LANDING}/` }, 'NoSuchKey', 404],
    [{ CopySource: `${LANDING}/${encodeURIComponent('../data-lake/empty')}` }, 'NoSuchKey', 404],
    [{ CopySource: 'other/key' }, 'NoSuchBucket', 404],
    [{ CopySource: '../incoming' }, 'NoSuchBucket', 404],
    [{ CopySource: 'landing-zone/100%' }, 'InvalidArgument', 400],
    [{ CopySourceRange: 'bytes=0-' }, 'InvalidArgument', 400],
    [{ CopySourceRange: 'bytes=5-4' }, 'InvalidArgument', 400],
    [{ CopySourceRange: 'bytes=0-1,3-4' }, 'InvalidArgument', 400],
    [{ CopySourceRange: `bytes=0-${CONTENT.length}` }, 'InvalidRange', 416],
    [{ PartNumber: 0 }, 'InvalidArgument', 400],
    [{ PartNumber: 10_001 }, 'InvalidArgument', 400],
    [{ UploadId: '0'.repeat(32) }, 'NoSuchUpload', 404],
    [{ UploadId: '../../landing-zone' }, 'NoSuchUpload', 404],
    [{ CopySourceIfMatch: '"0"' }, 'PreconditionFailed', 412],
    [{ CopySourceIfNoneMatch: '*' }, 'PreconditionFailed', 412],
    [{ CopySourceIfModifiedSince: new Date(Date.now() + 1e6) }, 'PreconditionFailed', 412],
    [{ CopySourceIfUnmodifiedSince: new Date(0) }, 'PreconditionFailed', 412],
  ])('rejects %j with %s', async (input, name, httpStatusCode) => {
    const UploadId = await begin('rejected');
    const rejected = copyPart({ UploadId, ...input }, 'rejected');
    await expect(rejected).rejects.toMatchObject({ name, $metadata: { httpStatusCode } });
    expect(readdirSync(join(directory, 'objects', LAKE, '._S3rver_uploads', UploadId)).sort()).toEqual([
      'key',
      'metadata',
    ]);
    expect(readdirSync(join(directory, 'incoming'))).toEqual([]);
  });

  test('copies when its conditions hold', async () => {
    const { ETag } = await s3.send(new HeadObjectCommand({ Bucket: LANDING, Key }));
    const UploadId = await begin('conditions');
    const range = { UploadId, CopySourceRange: 'bytes=1-4' };
    for (const conditions of [
      { CopySourceIfMatch: ETag, CopySourceIfUnmodifiedSince: new Date(0) },
      { CopySourceIfNoneMatch: '"0"', CopySourceIfModifiedSince: new Date(Date.now() + 1e6) },
      { CopySourceIfModifiedSince: new Date(0), CopySourceIfUnmodifiedSince: new Date(Date.now() + 1e6) },
    ])
      expect((await copyPart({ ...range, ...conditions }, 'conditions')).CopyPartResult?.ETag).toBeDefined();
  });

  test.each(['part', 'object'])('rejects the %s when the source is replaced meanwhile', async (copied) => {
    const path = join(directory, 'source');
    await writeFile(path, Buffer.alloc(MEBIBYTE));
    const read: Buffer[] = [];
    const receive = async (content: Readable) => {
      for await (const chunk of content) {
        if (read.length === 0) await writeFile(path, 'replaced');
        read.push(chunk as Buffer);
      }
      throw new Error('The content was stored.');
    };
    const replacing = {
      getResourcePath: () => path,
      getMetadata: async () => ({ etag: '"0"', 'content-length': String((await stat(path)).size) }),
      putPart: (_bucket: string, _id: string, _part: string, content: Readable) => receive(content),
      putObject: ({ content }: { content: Readable }) => receive(content),
    } as unknown as S3rverStore;
    const headers = { 'x-amz-copy-source': `${LANDING}/source` };
    const url = `/${LAKE}/k${copied === 'part' ? '?partNumber=1&uploadId=1' : ''}`;
    const req = { method: 'PUT', url, headers } as unknown as IncomingMessage;
    const context: KoaContext = { req, res: {} as ServerResponse, status: 404 };
    const copy = copyObjects([LANDING, LAKE], replacing)(context, async () => {
      await context.store?.copyObject(LANDING, 'source', LAKE, 'k', null);
    });
    await expect(copy).rejects.toMatchObject({ status: 412, code: 'PreconditionFailed' });
    expect(read.length).toBeGreaterThan(0);
  });
});

test('CopyObject checks its conditions, and copies only from the buckets of the store', async () => {
  const copy = (input: Partial<ConstructorParameters<typeof CopyObjectCommand>[0]>) =>
    s3.send(new CopyObjectCommand({ Bucket: LAKE, Key: 'object', CopySource, ...input }));
  await expect(copy({ CopySourceIfMatch: '"0"' })).rejects.toMatchObject({ name: 'PreconditionFailed' });
  await expect(copy({ CopySource: '../incoming/x' })).rejects.toMatchObject({ name: 'NoSuchBucket' });
  await expect(copy({ CopySource: `${LANDING}/${encodeURIComponent('../x')}` })).rejects.toMatchObject({
    name: 'NoSuchKey',
  });
  await copy({ CopySourceIfNoneMatch: '"0"' });
  expect((await read('object')).equals(CONTENT)).toBe(true);
  expect(await s3.send(new HeadObjectCommand({ Bucket: LAKE, Key: 'object' }))).toMatchObject({
    Metadata: { run_id: 'r1' },
  });
});
