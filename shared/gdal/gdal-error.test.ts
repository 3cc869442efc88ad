import { expect, test } from 'vitest';
import { gdalError } from './gdal-error.ts';

const codeOf = (stderr: string) =>
  gdalError({ command: 'gdal_translate', args: [], drivers: [] }, { exitCode: 1, stdout: '', stderr }).code;

test.each([
  ['ERROR 2: Cannot allocate 3 bytes', 'FILE_TOO_LARGE'],
  ['ERROR 2: out of memory', 'FILE_TOO_LARGE'],
  ["terminate called after throwing an instance of 'std::bad_alloc'", 'FILE_TOO_LARGE'],
  ['FATAL: CPLMalloc(): Out of memory allocating 12 bytes.', 'FILE_TOO_LARGE'],
  // The GRIB driver prints this for every field that it cannot decode.
  ['ERROR 1: Out of memory.\nERROR 1: a.grib2, band 1: IReadBlock failed: Out of memory.', 'FILE_UNREADABLE'],
  ['ERROR 3: Free disk space\nERROR 3: write: No space left on device', 'DISK_FULL'],
])('the cause of %j is %s', (stderr, code) => expect(codeOf(stderr)).toBe(code));
