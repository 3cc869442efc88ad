import { expect, test } from 'vitest';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { gdalError, messagesOf } from '#shared/gdal/gdal-error.ts';
import { explainGdalFailure, notesFromMessages } from './gdal-messages.ts';

test('turns a message of GDAL into a note, or into an error when data can be lost', () => {
  expect(
    notesFromMessages(
      "Warning 1: Field 'name' already exists. Renaming it as 'name2'\nWarning 1: Value '12345678901' of field a.b parsed incompletely to integer 2147483647.\n",
      'f',
    ),
  ).toEqual([
    {
      code: 'VALUES_CHANGED',
      file: 'f',
      message: "Value '12345678901' of field a.b parsed incompletely to integer 2147483647.",
    },
  ]);
  const newer =
    "Warning 1: This version of GeoPackage user_version=0x000028A0 (10400, v1.4.0) on 'a.gpkg' may only be partially supported\n";
  expect(notesFromMessages(newer, 'f'), 'a GeoPackage of version 1.4').toEqual([]);
  expect(() => notesFromMessages('ERROR 1: Corrupted .shp file : shape 5, nPoints=7', 'f')).toThrow(
    'f is damaged. GDAL reported: Corrupted .shp file : shape 5, nPoints=7',
  );
  expect(() =>
    notesFromMessages("Warning 1: One or several characters couldn't be converted correctly from X to UTF-8.", 'f'),
  ).toThrow(expect.objectContaining({ code: 'ENCODING_INVALID' }) as Error);
});

test('names row and column of a value that PostgreSQL rejects', () => {
  const error = new SluiceError('FILE_UNREADABLE', 'GDAL reported: …', {
    details: {
      messages: [
        'COPY statement failed. ERROR: date/time field value out of range: "2024/13/45" HINT: Perhaps … CONTEXT: COPY load_1_0, line 2, column von bis: "2024/13/45"',
      ],
    },
  });
  expect(explainGdalFailure(error, 'f')).toMatchObject({
    code: 'FILE_UNREADABLE',
    message:
      'Row 2 of f, column "von bis": date/time field value out of range: "2024/13/45". Correct the value, or leave it empty.',
    details: { file: 'f', row: 2, column: 'von bis' },
  });
  expect(explainGdalFailure(new SluiceError('DATABASE_UNAVAILABLE', 'x'), 'f').code).toBe('DATABASE_UNAVAILABLE');
});

test('names the file and the setting for a limit that GDAL reached', () => {
  const limit = explainGdalFailure(new SluiceError('FILE_TOO_LARGE', 'GDAL reported: std::bad_alloc'), 'größe.gml');
  expect(limit).toMatchObject({
    code: 'FILE_TOO_LARGE',
    message:
      'größe.gml needs more memory or disk than one GDAL program may use (GDAL_MEMORY_BYTES, MAX_FILE_BYTES): GDAL reported: std::bad_alloc. Split the file, or increase the limit.',
    details: { file: 'größe.gml' },
  });
  expect(explainGdalFailure(limit, 'other')).toBe(limit);
});

test('removes advice about configuration options from messages', () => {
  expect(
    messagesOf(
      'ERROR 1: Geometry of feature 0 cannot be parsed. You may set the GML_SKIP_CORRUPTED_FEATURES configuration option to YES to skip to the next feature\n',
    ),
  ).toEqual(['Geometry of feature 0 cannot be parsed.']);
});

// With an expression that takes quadratic time, these texts take minutes.

test('reads messages that quote a megabyte of a file', () => {
  const command = { command: 'ogr2ogr' as const, args: ['/tmp/a b'], drivers: [] };
  const fail = (stderr: string, stdout = '') => gdalError(command, { exitCode: 1, stderr, stdout });
  const quoted = fail(`ERROR 1: ${'row size '.repeat(110_000)}`);
  expect(explainGdalFailure(quoted, 'f').code).toBe('FILE_UNREADABLE');
  expect(quoted.message.length).toBeLessThan(1_100);
  const many = fail('ERROR 1: first\n'.repeat(60_000), 'ERROR 1: x\n'.repeat(1_000_000));
  expect(many.details.messages).toEqual(['first', 'x']);
});

test('names row and column of a rejected value of any length', () => {
  const stderr =
    `ERROR 1: COPY statement failed.\nERROR: invalid input syntax for type integer: "${'HINT: ERROR: '.repeat(9_000)}"\n` +
    'CONTEXT: COPY load_1_0, line 7, column a b: "HINT…"';
  const command = { command: 'ogr2ogr' as const, args: [], drivers: [] };
  expect(explainGdalFailure(gdalError(command, { exitCode: 1, stderr, stdout: '' }), 'f').details).toMatchObject({
    row: 7,
    column: 'a b',
  });
});
