import { mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  DeleteObjectsCommand,
  GetBucketAccelerateConfigurationCommand,
  GetBucketPolicyCommand,
  GetBucketVersioningCommand,
  ListObjectsCommand,
  ListObjectsV2Command,
  ListObjectVersionsCommand,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { signRequest } from '../../tests/signed-request.ts';
import { STORE_KEYS } from '../../tests/servers.ts';
import { type EmbeddedObjectStore, startObjectStore } from './object-store.ts';

const Bucket = 'landing-zone';
/** In the order of UTF-8 bytes, in which `a-b` precedes `a/b`, and U+FF5E precedes U+1F5FA. */
const KEYS = [
  'a',
  'a b+c&d<e>"f\'/ü#1?100%.json',
  'a-b',
  'a-b/c',
  'a.txt',
  'a/',
  'a/b',
  'a/b/c',
  'a/b/d/e',
  'a/z',
  'a0',
  'b/1',
  'b/2',
  'b/3/4',
  'control\u0001\n',
  'größe/～',
  'größe/🗺/x',
  'z',
].sort((one, other) => Buffer.compare(Buffer.from(one), Buffer.from(other)));

let store: EmbeddedObjectStore;
let s3: S3Client;
let root: string;

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'sluice list #é '));
  store = await startObjectStore({ directory: root, port: 0, buckets: [Bucket, 'data-lake'], keys: STORE_KEYS });
  s3 = new S3Client({
    endpoint: store.endpoint,
    region: 'us-east-1',
    forcePathStyle: true,
    credentials: STORE_KEYS,
  });
  for (const Key of KEYS) await s3.send(new PutObjectCommand({ Bucket, Key, Body: Key }));
});
afterAll(async () => {
  s3.destroy();
  await store.stop();
  await rm(root, { recursive: true, force: true });
});

interface Query {
  Prefix: string;
  Delimiter: string;
  MaxKeys: number;
}

/** Keys and common prefixes as S3 lists them, in one list. */
function expected({ Prefix, Delimiter }: Query, after = ''): string[] {
  const isAfter = (key: string) => Buffer.compare(Buffer.from(key), Buffer.from(after)) > 0;
  const items = KEYS.filter((key) => key.startsWith(Prefix) && isAfter(key)).map((key) => {
    const end = Delimiter === '' ? -1 : key.indexOf(Delimiter, Prefix.length);
    return end === -1 ? key : key.slice(0, end + Delimiter.length);
  });
  return [...new Set(items)];
}

interface ListPage {
  Contents?: { Key?: string | undefined; Size?: number | undefined }[] | undefined;
  CommonPrefixes?: { Prefix?: string | undefined }[] | undefined;
  IsTruncated?: boolean | undefined;
}

function itemsOf(page: ListPage): string[] {
  const names = [
    ...(page.Contents ?? []).map(({ Key }) => Key),
    ...(page.CommonPrefixes ?? []).map(({ Prefix }) => Prefix),
  ];
  return names
    .map((name) => decodeURIComponent(name ?? ''))
    .sort((one, other) => Buffer.compare(Buffer.from(one), Buffer.from(other)));
}

async function pagesV2(query: Query, StartAfter?: string): Promise<string[][]> {
  const pages = [];
  for (let ContinuationToken: string | undefined, more = true; more;) {
    const request = { Bucket, ...query, StartAfter, ContinuationToken, EncodingType: 'url' as const };
    const page = await s3.send(new ListObjectsV2Command(request));
    expect(page.KeyCount).toBe(itemsOf(page).length);
    for (const { Key, Size } of page.Contents ?? [])
      expect(Size).toBe(Buffer.byteLength(decodeURIComponent(Key ?? '')));
    pages.push(itemsOf(page));
    ContinuationToken = page.NextContinuationToken;
    more = page.IsTruncated === true;
  }
  return pages;
}

async function pagesV1(query: Query): Promise<string[][]> {
  const pages = [];
  for (let Marker: string | undefined, more = true; more;) {
    const page = await s3.send(new ListObjectsCommand({ Bucket, ...query, Marker, EncodingType: 'url' }));
    pages.push(itemsOf(page));
    Marker = decodeURIComponent(page.NextMarker ?? '');
    more = page.IsTruncated === true;
  }
  return pages;
}

async function pagesOfVersions(query: Query): Promise<string[][]> {
  const pages = [];
  for (let KeyMarker: string | undefined, more = true; more;) {
    const page = await s3.send(new ListObjectVersionsCommand({ Bucket, ...query, KeyMarker, EncodingType: 'url' }));
    for (const { VersionId, IsLatest } of page.Versions ?? []) expect([VersionId, IsLatest]).toEqual(['null', true]);
    pages.push(itemsOf({ ...page, Contents: page.Versions }));
    KeyMarker = decodeURIComponent(page.NextKeyMarker ?? '');
    more = page.IsTruncated === true;
  }
  return pages;
}

const query = fc.record({
  Prefix: fc.constantFrom('', 'a', 'a/', 'a/b', 'a/b/', 'b', 'g', 'größe/', 'none'),
  Delimiter: fc.constantFrom('', '/', '-', 'b/'),
  MaxKeys: fc.integer({ min: 1, max: 7 }),
});

describe('every page holds the next keys and common prefixes in the order of UTF-8', () => {
  test.each([
    ['ListObjectsV2', pagesV2],
    ['ListObjects', pagesV1],
    ['ListObjectVersions', pagesOfVersions],
  ])('%s', async (_, pagesOf) => {
    await fc.assert(
      fc.asyncProperty(query, async (request) => {
        const pages = await pagesOf(request);
        expect(pages.flat()).toEqual(expected(request));
        for (const page of pages.slice(0, -1)) expect(page).toHaveLength(request.MaxKeys);
      }),
      { numRuns: 40, examples: [[{ Prefix: 'a/', Delimiter: '/', MaxKeys: 1 }]] }, // A page ends at the key `a/`.
    );
  });
});

test('StartAfter can be a key or any other text', async () => {
  for (const after of ['a/b', 'a/b/', 'größe/ａ', 'zz'])
    for (const Delimiter of ['', '/']) {
      const request = { Prefix: '', Delimiter, MaxKeys: 2 };
      expect((await pagesV2(request, after)).flat()).toEqual(expected(request, after));
    }
});

test('a page of 0 keys is empty, and without URL encoding keys are unchanged', async () => {
  const none = await s3.send(new ListObjectsV2Command({ Bucket, MaxKeys: 0 }));
  expect([none.Contents, none.IsTruncated, none.KeyCount]).toEqual([undefined, false, 0]);
  const { Contents = [] } = await s3.send(new ListObjectsV2Command({ Bucket, Prefix: 'a' }));
  expect(Contents.map(({ Key }) => Key)).toEqual(KEYS.filter((key) => key.startsWith('a')));
});

test.each([
  ['continuation-token=x', 'The continuation token is not valid.'],
  ['max-keys=-1', 'max-keys is not a whole number of 0 or more.'],
])('rejects %s', async (parameter, message) => {
  const path = `/${Bucket}?list-type=2&${parameter}`;
  const reply = await fetch(`${store.endpoint}${path}`, { headers: signRequest(store.endpoint, 'GET', path) });
  expect([reply.status, await reply.text()]).toEqual([400, expect.stringContaining(message)]);
});

test('answers other requests for a bucket, and does not list objects in their place', async () => {
  expect(await s3.send(new GetBucketVersioningCommand({ Bucket }))).not.toHaveProperty('Status');
  await expect(s3.send(new GetBucketPolicyCommand({ Bucket }))).rejects.toMatchObject({ name: 'NoSuchBucketPolicy' });
  await expect(s3.send(new GetBucketAccelerateConfigurationCommand({ Bucket }))).rejects.toMatchObject({
    name: 'NotImplemented',
  });
});

test('DeleteObjects deletes the named keys only, whatever characters they have', async () => {
  const pairs = [
    ['007', '7'],
    ['1e3', '1000'],
    [' x', 'x'],
    ['y ', 'y'],
    ['a&amp;b', 'a&b'],
    ['<&>"', '<'],
    ...Array.from({ length: 400 }, (_, index) => [`${'é'.repeat(100)}${index}`, `${'é'.repeat(99)}${index}`]),
  ].map((names) => names.map((name) => `delete/${name}`));
  const elsewhere = { Bucket: 'data-lake' };
  const all = [...pairs.flat(), '007', '7'];
  await Promise.all(all.map((Key) => s3.send(new PutObjectCommand({ ...elsewhere, Key, Body: 'x' }))));
  const keys = ['007', ...pairs.map(([key = '']) => key)];
  const request = { Objects: keys.map((Key) => ({ Key })) };
  const { Deleted, Errors } = await s3.send(new DeleteObjectsCommand({ ...elsewhere, Delete: request }));
  expect(Deleted?.map(({ Key }) => Key)).toEqual(keys);
  expect(Errors).toBeUndefined();
  const { Contents = [] } = await s3.send(new ListObjectsV2Command(elsewhere));
  expect(new Set(Contents.map(({ Key }) => Key))).toEqual(new Set(['7', ...pairs.map(([, kept]) => kept)]));
  const quiet = await s3.send(
    new DeleteObjectsCommand({ ...elsewhere, Delete: { Quiet: true, Objects: [{ Key: '7' }, { Key: '../a' }] } }),
  );
  expect(quiet.Deleted).toBeUndefined();
  expect(quiet.Errors).toMatchObject([{ Key: '../a', Code: 'REQUEST_INVALID' }]);
});
