import { existsSync, mkdirSync, mkdtempSync, readdirSync, utimesSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable, Writable } from 'node:stream';
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  type S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { afterAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { createS3Client, S3_USER_AGENT } from '#shared/storage/s3-client.ts';
import { openObjectStore } from '#shared/storage/s3.ts';
import { STORE_KEYS, testEnv } from '../../tests/servers.ts';
import { mountSmallDisk } from '../../tests/small-disk.ts';
import { removeAbandonedUploads } from './multipart-uploads.ts';
import { startObjectStore } from './object-store.ts';

const MEBIBYTE = 2 ** 20;
/** Above this size, the tests upload in parts. */
const MULTIPART_BYTES = 32 * MEBIBYTE;
const IN_ONE_REQUEST = MULTIPART_BYTES;
const IN_PARTS = MULTIPART_BYTES + MEBIBYTE;
const Bucket = 'landing-zone';
const Key = 'größe #1.tif';

/** When true, files that the store writes fail, as on a full disk. */
const disk = vi.hoisted(() => {
  vi.resetModules(); // Modules that an earlier test file loaded use the real one.
  return { isFull: false };
});
vi.mock('#shared/streams/file-streams.ts', async (original) => {
  const real = await original<typeof import('#shared/streams/file-streams.ts')>();
  const noSpace = () => Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
  const full = () =>
    new Writable({ write: (_chunk, _encoding, done) => done(noSpace()) }).on('error', real.ignoreError);
  return { ...real, writeFileStream: (path: string) => (disk.isFull ? full() : real.writeFileStream(path)) };
});

afterAll(() => {
  vi.doUnmock('#shared/streams/file-streams.ts');
  vi.resetModules();
});

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'sluice parts #é '));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

async function start(directory = newFolder()) {
  const store = await startObjectStore({ directory, port: 0, buckets: [Bucket], keys: STORE_KEYS });
  const env = testEnv({ S3_ENDPOINT: store.endpoint });
  const s3 = createS3Client(env);
  const objects = openObjectStore(env, { multipartBytes: MULTIPART_BYTES });
  onTestFinished(async () => {
    disk.isFull = false;
    s3.destroy();
    objects.close();
    await store.stop();
  });
  /** Names of the files of incomplete uploads. */
  const leftovers = () => {
    const uploads = join(directory, 'objects', Bucket, '._S3rver_uploads');
    return [...readdirSync(join(directory, 'incoming')), ...(existsSync(uploads) ? readdirSync(uploads) : [])];
  };
  return { s3, objects, leftovers };
}

/** Begins a multipart upload and uploads one part. */
async function begin(s3: S3Client) {
  const { UploadId } = await s3.send(new CreateMultipartUploadCommand({ Bucket, Key }));
  const { ETag } = await s3.send(new UploadPartCommand({ Bucket, Key, UploadId, PartNumber: 1, Body: 'part 1' }));
  return { UploadId, ETag };
}

/** `size` bytes in chunks of 1 MiB. `onChunk` is called before each one. */
async function* bytes(size: number, onChunk: (index: number) => void = () => undefined) {
  const chunk = Buffer.alloc(MEBIBYTE);
  for (let index = 0; index < size / MEBIBYTE; index += 1) {
    onChunk(index);
    yield chunk;
  }
}

const options = (size: number, signal = new AbortController().signal) => ({ size, contentType: 'image/tiff', signal });

describe('a multipart upload to the embedded store', () => {
  test('is removed by an abort, and accepts no further part', async () => {
    const { s3, leftovers } = await start();
    const { UploadId } = await begin(s3);
    expect(leftovers()).toHaveLength(1);
    await s3.send(new AbortMultipartUploadCommand({ Bucket, Key, UploadId }));
    expect(leftovers()).toEqual([]);
    const late = s3.send(new UploadPartCommand({ Bucket, Key, UploadId, PartNumber: 2, Body: 'part 2' }));
    await expect(late).rejects.toMatchObject({ name: 'NoSuchUpload' });
    await expect(s3.send(new AbortMultipartUploadCommand({ Bucket, Key, UploadId }))).rejects.toMatchObject({
      name: 'NoSuchUpload',
    });
    expect(leftovers()).toEqual([]);
  });

  test('cannot be completed with a missing part, and the store continues', async () => {
    const { s3, objects } = await start();
    const { UploadId, ETag } = await begin(s3);
    const complete = (...numbers: number[]) =>
      s3.send(
        new CompleteMultipartUploadCommand({
          Bucket,
          Key,
          UploadId,
          MultipartUpload: { Parts: numbers.map((PartNumber) => ({ PartNumber, ETag })) },
        }),
      );
    await expect(complete(1, 2)).rejects.toMatchObject({ name: 'InvalidPart' });
    await complete(1);
    expect((await objects.readBytes(Bucket, Key, { maxBytes: 100 })).toString()).toBe('part 1');
  });

  test.each(['..', '../../data-lake', 'ABC', '0'.repeat(32)])('does not exist with the id %j', async (UploadId) => {
    const { s3 } = await start();
    const part = s3.send(new UploadPartCommand({ Bucket, Key, UploadId, PartNumber: 1, Body: 'x' }));
    await expect(part).rejects.toMatchObject({ name: 'NoSuchUpload' });
  });
});

describe('an upload that fails leaves nothing on the disk', () => {
  test('when its source fails', async () => {
    const { objects, leftovers } = await start();
    const failAt20 = (index: number) => {
      if (index === 20) throw Object.assign(new Error('aborted'), { code: 'ECONNRESET' });
    };
    const source = Readable.from(bytes(IN_PARTS, failAt20));
    await expect(objects.putStream(Bucket, Key, source, options(IN_PARTS))).rejects.toThrow('aborted');
    expect(leftovers()).toEqual([]);
  });

  test('when it is aborted', async () => {
    const { objects, leftovers } = await start();
    const stop = new AbortController();
    const reason = new Error('The client has disconnected.');
    const abortAt20 = (index: number) => index === 20 && stop.abort(reason);
    const source = Readable.from(bytes(IN_PARTS, abortAt20));
    await expect(objects.putStream(Bucket, Key, source, options(IN_PARTS, stop.signal))).rejects.toBe(reason);
    expect(leftovers()).toEqual([]);
  });

  test.each([IN_ONE_REQUEST, IN_PARTS])('when writing its %i bytes fails for lack of space', async (size) => {
    const { objects, leftovers } = await start();
    disk.isFull = true;
    const upload = objects.putStream(Bucket, Key, Readable.from(bytes(size)), options(size));
    await expect(upload).rejects.toMatchObject({
      code: 'DISK_FULL',
      message: `The object store has no space for s3://${Bucket}/${Key}.`,
    });
    expect(leftovers()).toEqual([]);
    disk.isFull = false;
    await objects.put(Bucket, Key, 'there is space again');
  });

  test.for([IN_ONE_REQUEST, IN_PARTS])('when its %i bytes do not fit on the disk', async (size, { skip }) => {
    const small = mountSmallDisk(24) ?? skip('mount is not permitted');
    const { objects, leftovers } = await start(small.folder);
    const upload = objects.putStream(Bucket, Key, Readable.from(bytes(size)), options(size));
    await expect(upload).rejects.toMatchObject({ code: 'DISK_FULL' });
    expect(leftovers()).toEqual([]);
    await objects.put(Bucket, Key, Buffer.alloc(16 * MEBIBYTE));
  });
});

describe('abandoned uploads', () => {
  const NOW = Date.now();
  /** Makes the folder of an upload whose last part was stored `hours` ago. */
  function upload(root: string, name: string, userAgent: string, hours: number): void {
    const folder = join(root, Bucket, '._S3rver_uploads', name);
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'metadata'), JSON.stringify({ 'user-agent': userAgent }));
    utimesSync(folder, NOW / 1000, NOW / 1000 - hours * 3600);
  }

  test.each([
    [true, ['aws-cli 23 h']],
    [false, ['aws-cli 23 h', 'sluice 0 h']],
  ])('are removed earlier if Sluice sent them (start: %s)', async (starting, kept) => {
    const root = newFolder();
    upload(root, 'aws-cli 23 h', 'aws-cli/2.0', 23);
    upload(root, 'aws-cli 25 h', 'aws-cli/2.0', 25);
    upload(root, 'sluice 0 h', `aws-sdk-js/3 ${S3_USER_AGENT}`, 0);
    upload(root, 'sluice 2 h', `aws-sdk-js/3 ${S3_USER_AGENT}`, 2);
    expect(await removeAbandonedUploads(root, [Bucket, 'empty'], { starting, now: NOW })).toBe(4 - kept.length);
    expect(readdirSync(join(root, Bucket, '._S3rver_uploads')).sort()).toEqual(kept);
  });
});
