import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync } from 'node:fs';
import { readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { findMinio, NEEDS_MINIO, startMinio } from '../../tests/minio.ts';
import { startObjectStore, testEnv } from '../../tests/servers.ts';
import type { ObjectStore } from './object-store.ts';
import { openObjectStore } from './s3.ts';

const BUCKET = 'landing-zone';
const never = new AbortController().signal;
const folder = mkdtempSync(join(tmpdir(), 'sluice-storage-'));
afterAll(() => rm(folder, { recursive: true, force: true }));

const sha256 = (bytes: Buffer | string) => createHash('sha256').update(bytes).digest('hex');
const MEBIBYTE = 2 ** 20;
/** Less than the default, so that an upload in parts needs only a few of them, of 8 MiB. */
const MULTIPART_BYTES = 20 * MEBIBYTE;
const PAGE_KEYS = 10;

interface Server {
  env: Record<string, string>;
  stop(): Promise<void>;
}
const SERVERS: [name: string, start: () => Promise<Server | undefined>, available: boolean][] = [
  [
    's3rver',
    async () => {
      const server = await startObjectStore();
      return { env: { S3_ENDPOINT: server.endpoint }, stop: server.stop };
    },
    true,
  ],
  [
    'MinIO',
    async () => {
      const server = await startMinio();
      return (
        server && {
          env: {
            S3_ENDPOINT: server.endpoint,
            S3_ACCESS_KEY_ID: server.accessKey,
            S3_SECRET_ACCESS_KEY: server.secretKey,
          },
          stop: server.stop,
        }
      );
    },
    findMinio() !== undefined,
  ],
];

for (const [name, start, available] of SERVERS) {
  describe.skipIf(!available)(available ? `on ${name}` : `on ${name} (${NEEDS_MINIO})`, () => {
    let server: Server | undefined;
    let objects: ObjectStore;
    beforeAll(async () => {
      server = await start();
      objects = openObjectStore(testEnv(server?.env), { multipartBytes: MULTIPART_BYTES, pageKeys: PAGE_KEYS });
      await objects.ensureBucket(BUCKET);
      await objects.ensureBucket(BUCKET); // A repeat changes nothing.
    });
    afterAll(async () => {
      objects.close();
      await server?.stop();
    });

    const file = async (fileName: string, bytes: Buffer) => {
      const path = join(folder, fileName);
      await writeFile(path, bytes);
      return path;
    };

    test('ping resolves', async () => {
      await expect(objects.ping()).resolves.toBeUndefined();
    });

    test.each([
      'b 1/road #7 + größe é.geojson',
      'emoji/🗺️ map.zip',
      'percent/a%2Fb%20c.csv',
      "signs/!$&'()*,;=:@[]{}~^`.txt",
      'manifests/question?mark.json',
      'plus/a+b+c.json',
      'double quote"and\\backslash',
      '日本語/道路.zip',
      ` blank ends /x `,
      'dots/..a/b...',
      `long/${'ä'.repeat(100)}/${'n'.repeat(200)}`,
    ])('writes, reads, lists, copies and deletes an object with the key %j', async (key) => {
      await objects.put(BUCKET, key, `content of ${key}`, { contentType: 'text/plain', metadata: { run_id: 'r1' } });
      expect((await objects.readBytes(BUCKET, key, { maxBytes: 4096 })).toString()).toBe(`content of ${key}`);
      const size = Buffer.byteLength(`content of ${key}`);
      expect(await objects.head(BUCKET, key)).toMatchObject({
        key,
        size,
        contentType: 'text/plain',
        metadata: { run_id: 'r1' },
      });
      const listed = await Array.fromAsync(objects.list(BUCKET, key.slice(0, 3)));
      expect(listed.map((head) => head.key)).toContain(key);
      await objects.copy(BUCKET, key, `archive/${key}`);
      expect(await objects.head(BUCKET, `archive/${key}`)).toMatchObject({ size, metadata: { run_id: 'r1' } });
      for (const name of [key, `archive/${key}`]) {
        await objects.delete(BUCKET, name);
        await objects.delete(BUCKET, name);
        expect(await objects.head(BUCKET, name)).toBeUndefined();
      }
    });

    test('head returns undefined for a missing object; reading it is FILE_MISSING', async () => {
      const missing = { code: 'FILE_MISSING', message: 's3://landing-zone/no such.zip does not exist.' };
      expect(await objects.head(BUCKET, 'no such.zip')).toBeUndefined();
      await expect(objects.read(BUCKET, 'no such.zip')).rejects.toMatchObject(missing);
      await expect(objects.readBytes(BUCKET, 'no such.zip', { maxBytes: 1 })).rejects.toMatchObject(missing);
      await expect(
        objects.download(BUCKET, 'no such.zip', join(folder, 'x'), { maxBytes: 1, signal: never }),
      ).rejects.toMatchObject(missing);
    });

    test.each(['../data-lake/secret', 'a/../../b', './a', 'n'.repeat(1025), '', 'nul\0byte'])(
      'rejects the key %j',
      async (key) => {
        expect(await objects.head(BUCKET, key)).toBeUndefined();
        await expect(objects.read(BUCKET, key)).rejects.toMatchObject({ code: 'FILE_MISSING' });
        await expect(objects.put(BUCKET, key, 'x')).rejects.toMatchObject({ code: 'REQUEST_INVALID' });
      },
    );

    test('the error for a missing bucket contains the command that creates it', async () => {
      await expect(objects.put('no-such-bucket', 'a', 'x')).rejects.toMatchObject({
        code: 'STORE_UNAVAILABLE',
        message: 'Bucket no-such-bucket does not exist. Run npx sluice setup-storage.',
      });
    });

    test('reads an inclusive range', async () => {
      await objects.put(BUCKET, 'range.txt', '0123456789');
      expect((await buffer(await objects.read(BUCKET, 'range.txt', { start: 2, end: 4 }))).toString()).toBe('234');
      expect((await buffer(await objects.read(BUCKET, 'range.txt', { start: 7 }))).toString()).toBe('789');
    });

    test('readBytes and download stop at maxBytes and leave no file', async () => {
      await objects.put(BUCKET, 'big.bin', randomBytes(100_000));
      const path = join(folder, 'limited.bin');
      await expect(objects.readBytes(BUCKET, 'big.bin', { maxBytes: 99_999 })).rejects.toMatchObject({
        code: 'FILE_TOO_LARGE',
      });
      await expect(
        objects.download(BUCKET, 'big.bin', path, { maxBytes: 99_999, signal: never }),
      ).rejects.toMatchObject({ code: 'FILE_TOO_LARGE', details: { max_bytes: 99_999 } });
      await expect(stat(path)).rejects.toMatchObject({ code: 'ENOENT' });
      expect((await objects.readBytes(BUCKET, 'big.bin', { maxBytes: 100_000 })).length).toBe(100_000);
    });

    test.each([
      ['empty', 0],
      ['small', 12_345],
      ['in one streamed request', 9 * MEBIBYTE],
      ['in parts', 25 * MEBIBYTE + 7],
    ])('uploads and downloads a file unchanged: %s', async (label, size) => {
      const bytes = randomBytes(size);
      const path = await file(`up ${label}.bin`, bytes);
      const key = `upload/${label} é.bin`;
      const expected = { sha256: sha256(bytes), size };
      expect(
        await objects.upload(BUCKET, key, path, {
          contentType: 'application/octet-stream',
          metadata: { content_hash: expected.sha256 },
          sha256: expected.sha256,
          signal: never,
        }),
      ).toEqual(expected);
      expect(await objects.head(BUCKET, key)).toMatchObject({
        size,
        contentType: 'application/octet-stream',
        metadata: { content_hash: expected.sha256 },
      });
      const down = join(folder, `down ${label}.bin`);
      expect(await objects.download(BUCKET, key, down, { maxBytes: size, signal: never })).toEqual(expected);
      expect(sha256(await readFile(down))).toBe(expected.sha256);
    });

    test('deletes an uploaded object whose hash differs', async () => {
      const path = await file('changed.bin', Buffer.from('changed after it was hashed'));
      const upload = objects.upload(BUCKET, 'changed.bin', path, {
        contentType: 'text/plain',
        metadata: {},
        sha256: sha256('as it was'),
        signal: never,
      });
      await expect(upload).rejects.toMatchObject({ code: 'UPLOAD_CORRUPT' });
      expect(await objects.head(BUCKET, 'changed.bin')).toBeUndefined();
    });

    test.each([
      ['one request', 200_000],
      ['parts', 25 * MEBIBYTE],
    ])('stores a stream, in %s', async (label, size) => {
      const bytes = randomBytes(size);
      await objects.putStream(BUCKET, `stream/${label}`, Readable.from(chunksOf(bytes)), {
        size,
        contentType: 'image/tiff',
        signal: never,
      });
      const { sha256: stored } = await objects.download(BUCKET, `stream/${label}`, join(folder, 'stream'), {
        maxBytes: size,
        signal: never,
      });
      expect(stored).toBe(sha256(bytes));
    });

    test.each([
      ['shorter', 199_000, 200_000],
      ['longer', 201_000, 200_000],
      ['shorter, in parts', 24 * MEBIBYTE, 25 * MEBIBYTE],
    ])('stores nothing of a stream that is %s than declared', async (label, size, declared) => {
      const key = `stream/${label}`;
      const put = objects.putStream(BUCKET, key, Readable.from(chunksOf(randomBytes(size))), {
        size: declared,
        contentType: 'image/tiff',
        signal: never,
      });
      await expect(put).rejects.toMatchObject({ code: 'REQUEST_INVALID', details: { declared } });
      expect(await objects.head(BUCKET, key)).toBeUndefined();
    });

    test('stores nothing of a stream that fails, and throws its error', async () => {
      async function* broken() {
        yield randomBytes(1000);
        throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
      }
      await expect(
        objects.putStream(BUCKET, 'broken', Readable.from(broken()), { size: 2000, contentType: 'x/y', signal: never }),
      ).rejects.toMatchObject({ code: 'DISK_FULL' });
      expect(await objects.head(BUCKET, 'broken')).toBeUndefined();
    });

    test('an abort ends a download, an upload and a read with the reason of the signal', async () => {
      const bytes = randomBytes(20 * MEBIBYTE);
      const options = { contentType: 'x/y', metadata: {}, sha256: sha256(bytes) };
      await objects.upload(BUCKET, 'abort.bin', await file('abort.bin', bytes), { ...options, signal: never });
      const reason = new Error('canceled by a person');
      const stop = new AbortController();
      const path = join(folder, 'aborted.bin');
      const down = objects.download(BUCKET, 'abort.bin', path, { maxBytes: 1e9, signal: stop.signal });
      const up = objects.upload(BUCKET, 'aborted.bin', join(folder, 'abort.bin'), { ...options, signal: stop.signal });
      stop.abort(reason);
      await expect(down).rejects.toBe(reason);
      await expect(up).rejects.toBe(reason);
      await expect(stat(path)).rejects.toMatchObject({ code: 'ENOENT' });
      expect(await objects.head(BUCKET, 'aborted.bin')).toBeUndefined();
      await expect(objects.readBytes(BUCKET, 'abort.bin', { maxBytes: 1e9, signal: stop.signal })).rejects.toBe(reason);
    });

    test('lists more than one page of objects', async () => {
      const keys = Array.from({ length: 2 * PAGE_KEYS + 3 }, (_, index) => `page/${String(index).padStart(5, '0')}`);
      await Promise.all(keys.map((key) => objects.put(BUCKET, key, '')));
      const listed = await Array.fromAsync(objects.list(BUCKET, 'page/'));
      expect(listed.map((head) => head.key)).toEqual(keys);
    });

    test('wrong credentials are STORE_DENIED', async () => {
      const wrong = openObjectStore(testEnv({ ...server?.env, S3_SECRET_ACCESS_KEY: 'wrong-secret-key' }));
      await expect(wrong.ping()).rejects.toMatchObject({ code: 'STORE_DENIED' });
      await expect(wrong.put(BUCKET, 'a', 'x')).rejects.toMatchObject({ code: 'STORE_DENIED' });
      wrong.close();
    });
  });
}

function* chunksOf(bytes: Buffer): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at += 100_000) yield bytes.subarray(at, at + 100_000);
}
