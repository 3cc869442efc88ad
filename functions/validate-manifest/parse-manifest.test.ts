import { describe, expect, test } from 'vitest';
import { parseManifest } from './parse-manifest.ts';

const parse = (text: string | Uint8Array, tooLarge = false) => parseManifest({ bytes: Buffer.from(text), tooLarge });
const error = (text: string | Uint8Array, tooLarge = false): unknown => {
  try {
    return parse(text, tooLarge);
  } catch (thrown) {
    return thrown;
  }
};
const good = {
  batch_id: 'Zürich #7 + é 🗺',
  uploader: 'ana',
  intent: 'ingest_vector',
  files: [{ path: 's3://landing-zone/b 1/straßen#2.zip', type: 'vector', format: 'ESRI Shapefile' }],
};
const withFile = (file: object) => JSON.stringify({ ...good, files: [{ ...good.files[0], ...file }] });

test('reads a manifest, with or without a byte order mark', () => {
  expect(parse(JSON.stringify(good))).toEqual({ ...good, metadata: {} });
  expect(parse(`\ufeff${JSON.stringify(good)}`).batch_id).toBe(good.batch_id);
});

describe('text', () => {
  test.each([
    [
      'Latin-1',
      Buffer.from('{"batch_id": "Stra\xdfe"}', 'latin1'),
      'The manifest is not valid UTF-8: byte 18 is invalid. Save it as UTF-8.',
      { byte: 18 },
    ],
    [
      'UTF-16',
      Buffer.from('\ufeff{}', 'utf16le'),
      'The manifest is not valid UTF-8: byte 0 is invalid. It is probably UTF-16. Save it as UTF-8.',
      { byte: 0 },
    ],
    [
      'a truncated character',
      Buffer.from('{"é').subarray(0, 3),
      'The manifest is not valid UTF-8: byte 2 is invalid. Save it as UTF-8.',
      { byte: 2 },
    ],
  ])('rejects %s', (_name, bytes, message, details) =>
    expect(error(bytes)).toMatchObject({ code: 'MANIFEST_NOT_UTF8', message, details }),
  );

  test.each([
    ['', 'The manifest is empty.', { line: 1, column: 1 }],
    [' \n', 'The manifest is empty.', { line: 1, column: 1 }],
    [
      '{"a": 1,\n  "b": 2,\n}',
      'The manifest is not valid JSON at line 3, column 1: expected double-quoted property name.',
      { line: 3, column: 1 },
    ],
    [
      '{"batch_id": "b',
      'The manifest is not valid JSON at line 1, column 16: unterminated string.',
      { line: 1, column: 16 },
    ],
    [
      '{"a":',
      'The manifest is not valid JSON at line 1, column 6: unexpected end of the text.',
      { line: 1, column: 6 },
    ],
    ['batch: 1', "The manifest is not valid JSON at line 1, column 1: unexpected token 'b'.", { line: 1, column: 1 }],
    [
      "{'a': 1}",
      "The manifest is not valid JSON at line 1, column 2: expected property name or '}'.",
      { line: 1, column: 2 },
    ],
    [
      '{}\nmore',
      'The manifest is not valid JSON at line 2, column 1: unexpected non-whitespace character after JSON.',
      { line: 2, column: 1 },
    ],
    ['{"a": NaN}', "The manifest is not valid JSON at line 1, column 7: unexpected token 'N'.", { line: 1, column: 7 }],
  ])('rejects %j as invalid JSON', (text, message, details) =>
    expect(error(text)).toMatchObject({ code: 'MANIFEST_NOT_JSON', message, details }),
  );

  test('rejects the first bytes of a manifest that is too large', () =>
    expect(error('{}', true)).toMatchObject({ code: 'MANIFEST_TOO_LARGE', details: { limit_bytes: 1048576 } }));
});

describe('problems that JSON.parse ignores', () => {
  test('rejects a repeated name', () => {
    const text = JSON.stringify(good).replace('"uploader"', '"b\\u0061tch_id":"other","uploader"');
    expect(error(text)).toMatchObject({
      code: 'MANIFEST_INVALID',
      details: { issues: [{ field: 'batch_id', message: 'is repeated (line 1, column 32)' }] },
    });
  });

  test('accepts the same name in two objects, and braces in a text', () => {
    const tags = { a: { x: 1 }, b: { x: 2 }, note: 'a "quoted" {brace}, [bracket], and \\ a: colon' };
    expect(parse(JSON.stringify({ ...good, metadata: { tags } })).metadata.tags).toEqual(tags);
  });

  test('rejects nesting that is too deep', () => {
    const text = JSON.stringify({ ...good, metadata: { tags: { deep: 0 } } }).replace(
      '"deep":0',
      `"deep":${'['.repeat(100_000)}${']'.repeat(100_000)}`,
    );
    expect(error(text)).toMatchObject({
      code: 'MANIFEST_INVALID',
      message: expect.stringMatching(/metadata\.tags\.deep\[0\].* is nested deeper than 32 levels/),
    });
  });

  test.each(['\\u0000', '\\ud83d'])('rejects the character %s', (escape) => {
    const text = JSON.stringify({ ...good, metadata: { description: '?' } }).replace('?', `a${escape}b`);
    expect(error(text)).toMatchObject({
      code: 'MANIFEST_INVALID',
      details: { issues: [{ field: 'metadata.description' }] },
    });
  });

  test('reads a megabyte of quotes and braces in one pass', () => {
    expect(error(JSON.stringify({ ...good, uploader: '\\"{['.repeat(150_000) }))).toMatchObject({
      code: 'MANIFEST_INVALID',
    });
  });
});

describe('fields', () => {
  test.each([
    ['manifest must be an object, not a list', '[]'],
    ['manifest must be an object, not null', 'null'],
    ['manifest must be an object, not "x"', '"x"'],
    ['batch_id is missing', JSON.stringify({ ...good, batch_id: undefined })],
    ['batch_id is empty', JSON.stringify({ ...good, batch_id: '' })],
    ['batch_id must be a string, not 5', JSON.stringify({ ...good, batch_id: 5 })],
    ['batch_id must not contain the control character U+000A', JSON.stringify({ ...good, batch_id: 'a\nb' })],
    ['batch_id must contain a visible character, not only U+0020', JSON.stringify({ ...good, batch_id: ' ' })],
    [
      'uploader must not contain the bidirectional control character U+202E',
      JSON.stringify({ ...good, uploader: '\u202eana' }),
    ],
    [
      'metadata.tags.dataset_id must not contain the invisible character U+3164',
      JSON.stringify({ ...good, metadata: { tags: { dataset_id: 'a\u3164' } } }),
    ],
    [
      'metadata.tags.note[1] must not contain the private-use character U+E000',
      JSON.stringify({ ...good, metadata: { tags: { note: ['', '\ue000'] } } }),
    ],
    [
      'metadata.tags["a\ufffd"] has a name that must not contain the invisible character U+200B',
      JSON.stringify({ ...good, metadata: { tags: { 'a\u200b': 1 } } }),
    ],
    [
      'metadata.description must contain a visible character, not only U+000A, U+0020',
      JSON.stringify({ ...good, metadata: { description: '\n ' } }),
    ],
    ['uploader must be at most 128 characters long', JSON.stringify({ ...good, uploader: 'x'.repeat(129) })],
    ['files must be a list, not "roads.zip"', JSON.stringify({ ...good, files: 'roads.zip' })],
    [
      'files must be at most 1000 entries long',
      JSON.stringify({ ...good, files: Array.from({ length: 1001 }, () => good.files[0]) }),
    ],
    [
      'metadata.tags.dataset_id must be at most 215 bytes of UTF-8, because file names start with it',
      JSON.stringify({ ...good, metadata: { tags: { dataset_id: '道'.repeat(72) } } }),
    ],
    [
      'metadata.tags.dataset_id must not be "catalog.json", which is the key of the root catalog',
      JSON.stringify({ ...good, metadata: { tags: { dataset_id: 'Catalog.json' } } }),
    ],
    ['intent must be lower-case letters, digits and "_"', JSON.stringify({ ...good, intent: 'Ingest Vector' })],
    [
      'metdata is an unknown field; expected one of batch_id, uploader, intent, files, metadata',
      JSON.stringify({ ...good, metdata: {} }),
    ],
    [
      '["a b"] is an unknown field; expected one of batch_id, uploader, intent, files, metadata',
      JSON.stringify({ ...good, 'a b': 1 }),
    ],
    ['files[0].type must be one of "vector", "raster", "tabular", not "vektor"', withFile({ type: 'vektor' })],
    ['files[0].crs must be a string, not null', withFile({ crs: null })],
    [
      'files[0].color is an unknown field; expected one of path, type, format, crs, layer, encoding, x_column, y_column, wkt_column',
      withFile({ color: 'red' }),
    ],
    [
      'metadata.recipe.simplify_tolerance must be at least 0',
      JSON.stringify({ ...good, metadata: { recipe: { simplify_tolerance: -1 } } }),
    ],
    [
      'metadata.recipe.coordinate_precision must be a whole number, not 1.5',
      JSON.stringify({ ...good, metadata: { recipe: { coordinate_precision: 1.5 } } }),
    ],
  ])('%s', (problem, text) =>
    expect(error(text)).toMatchObject({ code: 'MANIFEST_INVALID', message: `The manifest is invalid: ${problem}.` }),
  );

  test('reports all invalid fields, the first five in the message', () => {
    const thrown = error('{"a":1,"b":2,"c":3}') as { message: string; details: { issues: unknown[] } };
    expect(thrown.details.issues).toHaveLength(7);
    expect(thrown.message).toMatch(
      /^The manifest is invalid: batch_id is missing; uploader is missing; .*; and 2 more\.$/,
    );
  });
});

describe('steps of a recipe', () => {
  const good = {
    batch_id: 'b',
    uploader: 'zoë',
    intent: 'ingest_vector',
    files: [{ path: 's3://landing-zone/a.gpkg', type: 'vector', format: 'GPKG' }],
  };
  const withStep = (step: unknown) => Buffer.from(JSON.stringify({ ...good, metadata: { recipe: { steps: [step] } } }));

  test('get their defaults', () => {
    expect(
      parseManifest({ bytes: withStep({ step: 'clip', bounds: [0, 0, 1, 1] }), tooLarge: false }).metadata.recipe
        ?.steps,
    ).toEqual([{ step: 'clip', bounds: [0, 0, 1, 1], crs: 'EPSG:4326', cut: true }]);
  });

  test.each([
    [
      'metadata.recipe.steps[0].step must be one of "filter", "clip", "keep_geometries", "explode", "collect", "dissolve", "keep_columns", "drop_columns", "rename_columns", "cast_columns", "add_area", "add_length", "add_perimeter", "centroid", "point_on_surface", not "buffer"',
      { step: 'buffer' },
    ],
    ['metadata.recipe.steps[0] requires conditions in "all" or "any"', { step: 'filter' }],
    [
      'metadata.recipe.steps[0].all[0].op must be one of "=", "!=", "<", "<=", ">", ">=", "in", "not_in", "contains", "starts_with", "ends_with", "is_null", "is_not_null", not "like"',
      { step: 'filter', all: [{ column: 'a', op: 'like', value: 'x' }] },
    ],
    [
      'metadata.recipe.steps[0].all[0].value must be a string, a number, true or false',
      { step: 'filter', all: [{ column: 'a', op: '=', value: null }] },
    ],
    [
      'metadata.recipe.steps[0].all[0].value is an unknown field; expected one of column, op',
      { step: 'filter', all: [{ column: 'a', op: 'is_null', value: 1 }] },
    ],
    [
      'metadata.recipe.steps[0].where is an unknown field; expected one of step, all, any',
      { step: 'filter', all: [{ column: 'a', op: 'is_null' }], where: '1=1' },
    ],
    [
      'metadata.recipe.steps[0].bounds must be [xmin, ymin, xmax, ymax], with xmin below xmax and ymin below ymax',
      { step: 'clip', bounds: [1, 0, 0, 1] },
    ],
    ['metadata.recipe.steps[0].bounds must be a list, not "1,0,0,1"', { step: 'clip', bounds: '1,0,0,1' }],
    [
      'metadata.recipe.steps[0].columns.a must be one of "text", "boolean", "bigint", "double", "decimal", "date", "timestamp", "timestamptz", not "float"',
      { step: 'cast_columns', columns: { a: 'float' } },
    ],
    [
      'metadata.recipe.steps[0].aggregates[0].column is required for every function except count',
      { step: 'dissolve', aggregates: [{ function: 'sum', as: 'x' }] },
    ],
  ])('%s', (message, step) => {
    expect(() => parseManifest({ bytes: withStep(step), tooLarge: false })).toThrow(
      expect.objectContaining({ code: 'MANIFEST_INVALID', message: `The manifest is invalid: ${message}.` }) as Error,
    );
  });
});
