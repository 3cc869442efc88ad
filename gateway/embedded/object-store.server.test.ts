import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { type IncomingMessage, request } from 'node:http';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import {
  CopyObjectCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { Upload } from '@aws-sdk/lib-storage';
import { afterAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { eventsOfNotification } from '#shared/landing/notifications.ts';
import { signRequest } from '../../tests/signed-request.ts';
import { STORE_KEYS } from '../../tests/servers.ts';
import { type EmbeddedObjectStore, startObjectStore } from './object-store.ts';

const root = mkdtempSync(join(tmpdir(), 'sluice s3 #é '));
afterAll(() => rm(root, { recursive: true, force: true }));

const Bucket = 'landing-zone';
const AWKWARD = 'Straßen & Wege/a b+c#1 100%/größe 🗺.json';

function folder(): string {
  return mkdtempSync(join(root, 's3-'));
}

async function start(
  directory: string,
  onNotification?: (body: unknown) => void,
): Promise<{ s3: S3Client; store: EmbeddedObjectStore }> {
  const store = await startObjectStore({
    directory,
    port: 0,
    buckets: [Bucket, 'data-lake'],
    keys: STORE_KEYS,
    ...(onNotification ? { onNotification } : {}),
  });
  const s3 = client(store.endpoint);
  onTestFinished(async () => {
    s3.destroy();
    await store.stop().catch(() => undefined); // Some tests stop the store themselves.
  });
  return { s3, store };
}

function client(endpoint: string): S3Client {
  return new S3Client({ endpoint, region: 'us-east-1', forcePathStyle: true, credentials: STORE_KEYS });
}

async function read(s3: S3Client, Key: string): Promise<string | undefined> {
  const { Body } = await s3.send(new GetObjectCommand({ Bucket, Key }));
  return Body?.transformToString();
}

async function keys(s3: S3Client): Promise<string[]> {
  const { Contents = [] } = await s3.send(new ListObjectsV2Command({ Bucket }));
  return Contents.map(({ Key }) => Key ?? '');
}

/** Starts an upload and sends half of it. Resolves when the server has received that half. */
async function beginUpload(endpoint: string, key: string, directory: string) {
  const half = Buffer.alloc(1 << 20, 'x');
  const path = `/${Bucket}/${key}`;
  const headers = { ...signRequest(endpoint, 'PUT', path), 'content-length': half.length * 2 };
  const upload = request(endpoint, { path, method: 'PUT', headers });
  upload.on('error', () => undefined);
  upload.write(half);
  await vi.waitUntil(() => readdirSync(join(directory, 'incoming')).length > 0);
  return upload;
}

describe('the embedded object store', () => {
  test('keeps objects, metadata and keys with special characters after a restart', async () => {
    const directory = folder();
    const first = await start(directory);
    await first.s3.send(
      new PutObjectCommand({
        Bucket,
        Key: AWKWARD,
        Body: 'one',
        ContentType: 'application/json',
        Metadata: { run_id: 'r1' },
      }),
    );
    await first.store.stop();
    const { s3 } = await start(directory);
    const head = await s3.send(new HeadObjectCommand({ Bucket, Key: AWKWARD }));
    expect(head).toMatchObject({
      ContentType: 'application/json',
      Metadata: { run_id: 'r1' },
      ContentLength: 3,
      ETag: '"f97c5d29941bfb1b2fdab0874906ab82"',
    });
    expect(await keys(s3)).toEqual([AWKWARD]);
  });

  test('copies and deletes objects with special characters in the key', async () => {
    const { s3 } = await start(folder());
    await s3.send(new PutObjectCommand({ Bucket, Key: AWKWARD, Body: 'one', Metadata: { run_id: 'r1' } }));
    const CopySource = `${Bucket}/${AWKWARD.split('/').map(encodeURIComponent).join('/')}`;
    await s3.send(new CopyObjectCommand({ Bucket, Key: `archive/${AWKWARD}`, CopySource }));
    await s3.send(new DeleteObjectCommand({ Bucket, Key: AWKWARD }));
    expect(await keys(s3)).toEqual([`archive/${AWKWARD}`]);
    expect(await read(s3, `archive/${AWKWARD}`)).toBe('one');
    expect(await s3.send(new HeadObjectCommand({ Bucket, Key: `archive/${AWKWARD}` }))).toMatchObject({
      Metadata: { run_id: 'r1' },
    });
  });

  test('stores a multipart upload unchanged', async () => {
    const { s3 } = await start(folder());
    const part = Buffer.alloc(5 << 20, 'a');
    await new Upload({
      client: s3,
      params: { Bucket, Key: 'big', Body: Readable.from([part, part, Buffer.from('end')]) },
    }).done();
    const text = await read(s3, 'big');
    expect(text?.length).toBe(2 * part.length + 3);
    expect(text?.endsWith('aend')).toBe(true);
  });

  test('sends a notification with the decoded key for each upload', async () => {
    const bodies: unknown[] = [];
    const { s3 } = await start(folder(), (body) => bodies.push(body));
    await s3.send(new PutObjectCommand({ Bucket, Key: `manifests/${AWKWARD}`, Body: '{}' }));
    expect(bodies.flatMap(eventsOfNotification)).toMatchObject([
      { type: 'com.amazonaws.s3.ObjectCreated:Put', subject: `manifests/${AWKWARD}` },
    ]);
  });

  test('stores nothing of an interrupted upload, and keeps the object that it would have replaced', async () => {
    const directory = folder();
    const { s3, store } = await start(directory);
    await s3.send(new PutObjectCommand({ Bucket, Key: 'old', Body: 'whole' }));
    for (const key of ['old', 'new']) (await beginUpload(store.endpoint, key, directory)).destroy();
    await vi.waitUntil(() => readdirSync(join(directory, 'incoming')).length === 0);
    expect(await keys(s3)).toEqual(['old']);
    expect(await read(s3, 'old')).toBe('whole');
  });

  test('stores nothing of an upload during which the store was killed', async () => {
    const directory = folder();
    const script = `import { startObjectStore } from ${JSON.stringify(join(import.meta.dirname, 'object-store.ts'))};
      console.log((await startObjectStore({ directory: ${JSON.stringify(directory)}, port: 0, buckets: ['${Bucket}'], keys: ${JSON.stringify(STORE_KEYS)} })).endpoint);`;
    const server = spawn('node', ['--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
    onTestFinished(() => void server.kill('SIGKILL'));
    const [endpoint] = (await once(server.stdout, 'data')) as [Buffer];
    const elsewhere = client(endpoint.toString().trim());
    await elsewhere.send(new PutObjectCommand({ Bucket, Key: 'old', Body: 'whole' }));
    elsewhere.destroy();
    await beginUpload(endpoint.toString().trim(), 'old', directory);
    await beginUpload(endpoint.toString().trim(), 'new', directory);
    server.kill('SIGKILL');
    await once(server, 'exit');

    const { s3 } = await start(directory);
    expect(await keys(s3)).toEqual(['old']);
    expect(await read(s3, 'old')).toBe('whole');
    expect(readdirSync(join(directory, 'incoming'))).toEqual([]);
  });

  test('completes an upload after a kill during the move of its files', async () => {
    const directory = folder();
    const staged = join(directory, 'incoming', 'one');
    const place = join(directory, 'objects', Bucket);
    mkdirSync(staged, { recursive: true });
    mkdirSync(place, { recursive: true });
    writeFileSync(join(place, 'k._S3rver_metadata.json'), '{"content-type":"text/plain"}'); // Already moved.
    writeFileSync(join(staged, 'object'), 'one');
    writeFileSync(join(staged, 'object.md5'), 'f97c5d29941bfb1b2fdab0874906ab82');
    const moves = ['metadata.json', 'object.md5', 'object'].map((resource) => [
      resource,
      join(place, `k._S3rver_${resource}`),
    ]);
    writeFileSync(join(staged, 'journal.json'), JSON.stringify(moves));
    const { s3 } = await start(directory);
    expect(await read(s3, 'k')).toBe('one');
  });

  test('deletes many objects of one folder concurrently', async () => {
    const { s3 } = await start(folder());
    const all = Array.from({ length: 40 }, (_, index) => `manifests/${index}.json`);
    await Promise.all(all.map((Key) => s3.send(new PutObjectCommand({ Bucket, Key, Body: '{}' }))));
    await Promise.all(all.map((Key) => s3.send(new DeleteObjectCommand({ Bucket, Key }))));
    expect(await keys(s3)).toEqual([]);
  });

  test('stores keys up to the limit, and rejects longer ones with KeyTooLongError', async () => {
    const { s3 } = await start(folder());
    const longest = `${'é'.repeat(116)}x/${'é'.repeat(116)}x`;
    await s3.send(new PutObjectCommand({ Bucket, Key: longest, Body: 'one' }));
    expect(await read(s3, longest)).toBe('one');
    for (const Key of [`${longest}y`, `é${longest}`, 'é/'.repeat(342)]) {
      const rejected = { name: 'KeyTooLongError', $metadata: { httpStatusCode: 400 } };
      await expect(s3.send(new PutObjectCommand({ Bucket, Key, Body: 'one' }))).rejects.toMatchObject(rejected);
      await expect(read(s3, Key)).rejects.toMatchObject(rejected);
    }
    await s3.send(new DeleteObjectCommand({ Bucket, Key: longest }));
    expect(await keys(s3)).toEqual([]);
  });

  test('rejects keys outside their bucket', async () => {
    const directory = folder();
    const { store } = await start(directory);
    for (const path of [
      `/${Bucket}/../../escaped`,
      `/${Bucket}/%2e%2e/%2e%2e/escaped`,
      '/../escaped',
      '/%2e%2e/escaped',
    ]) {
      const upload = request(store.endpoint, {
        path,
        method: 'PUT',
        headers: signRequest(store.endpoint, 'PUT', path),
      });
      upload.end('x');
      const [response] = (await once(upload, 'response')) as [IncomingMessage];
      expect(response.statusCode).toBeGreaterThanOrEqual(400);
    }
    expect(readdirSync(directory).sort()).toEqual(['incoming', 'objects']);
    expect(readdirSync(join(directory, 'objects')).sort()).toEqual(['data-lake', Bucket]);
  });

  test('rejects with EADDRINUSE if the port is in use', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    onTestFinished(() => void other.close());
    await once(other, 'listening');
    const { port } = other.address() as { port: number };
    await expect(startObjectStore({ directory: folder(), port, buckets: [], keys: STORE_KEYS })).rejects.toMatchObject({
      code: 'EADDRINUSE',
      port,
    });
  });
});
