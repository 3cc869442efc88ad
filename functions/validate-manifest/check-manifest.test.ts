import { expect, test } from 'vitest';
import { filesOf } from './check-manifest.ts';

const file = (path: string, layer?: string) => ({ path, layer, type: 'vector' as const, format: 'GPKG' });
const named =
  (...paths: string[]) =>
  () =>
    filesOf({ files: paths.map((path) => file(path)) }, 'landing-zone');

test.each([
  'b1/roads.zip',
  'b 1/straßen#2 + 100% é 🗺?.gpkg',
  'a%20b.zip',
  'x..y/...z',
  'manifests.zip',
  'vsi/x',
  'o\'b"r;--.csv',
])('does not decode the key in %s', (key) => {
  expect(named(`s3://landing-zone/${key}`)()).toEqual([
    { field: 'files[0].path', path: `s3://landing-zone/${key}`, key },
  ]);
});

test.each([
  ['/etc/passwd', 'does not start with s3://'],
  ['roads.zip', 'does not start with s3://'],
  ['../../etc/passwd', 'does not start with s3://'],
  ['file:///etc/passwd', 'does not start with s3://'],
  ['http://169.254.169.254/latest', 'does not start with s3://'],
  ['PG:host=/tmp dbname=postgres', 'does not start with s3://'],
  ['S3://landing-zone/b/x', 'does not start with s3://'],
  [' s3://landing-zone/b/x', 'does not start with s3://'],
  ['/vsicurl/http://example.org/x.shp', 'is a virtual path of GDAL'],
  ['/vsizip//etc/x.zip', 'is a virtual path of GDAL'],
  ['s3://data-lake/roads/x.parquet', 'names the bucket "data-lake"'],
  ['s3://LANDING-ZONE/b/x', 'names the bucket "LANDING-ZONE"'],
  ['s3://landing-zone@evil.example/x', 'names the bucket "landing-zone@evil.example"'],
  ['s3:///x', 'names the bucket ""'],
  ['s3://landing-zone', 'names a folder, not a file'],
  ['s3://landing-zone/', 'names a folder, not a file'],
  ['s3://landing-zone/b/', 'names a folder, not a file'],
  ['s3://landing-zone//etc/passwd', 'contains an empty segment'],
  ['s3://landing-zone/b/../../data-lake/x', 'contains a "." or ".." segment'],
  ['s3://landing-zone/b/./x', 'contains a "." or ".." segment'],
  ['s3://landing-zone/vsicurl/x', 'contains a virtual path of GDAL'],
  ['s3://landing-zone/b\\..\\x', 'contains a backslash'],
  ['s3://landing-zone/b\nx', 'contains the control character U+000A'],
  ['s3://landing-zone/manifests/b.json', 'is below manifests/'],
  ['s3://landing-zone/archive/manifests/b.json', 'is below archive/'],
  [`s3://landing-zone/${'é'.repeat(513)}`, 'is longer than 1024 bytes'],
  [`s3://landing-zone/b/${'é'.repeat(115)}.zip`, 'has a name of more than 233 bytes'],
])('rejects %s', (path, reason) => {
  expect(named(path)).toThrow(
    expect.objectContaining({
      code: 'FILE_OUTSIDE_LANDING_ZONE',
      message: expect.stringContaining(`files[0].path ${JSON.stringify(path)} ${reason}`),
    }),
  );
});

test('lists every invalid path in the details', () => {
  expect(named('s3://landing-zone/ok', '/a', '/b')).toThrow(
    expect.objectContaining({
      message:
        'files[1].path "/a" does not start with s3://. Write the path as s3://landing-zone/KEY. 1 more path is invalid.',
      details: {
        files: [
          expect.objectContaining({ field: 'files[1].path', path: '/a' }),
          expect.objectContaining({ field: 'files[2].path', path: '/b' }),
        ],
      },
    }),
  );
});

test('accepts a repeated file only with different layers', () => {
  const path = 's3://landing-zone/b/x.gpkg';
  expect(named(path, path)).toThrow(
    expect.objectContaining({
      code: 'MANIFEST_INVALID',
      message: 'The manifest is invalid: files[1].path is the same file as in files[0].',
    }),
  );
  expect(filesOf({ files: [file(path, 'roads'), file(path, 'paths')] }, 'landing-zone')).toHaveLength(2);
});
