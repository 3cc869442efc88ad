import { expect, test } from 'vitest';
import { helpOf, type JsonSchema, kindOf, labelOf, parseNumber, parseScalar, scalarText } from './json-schema.ts';

const text: JsonSchema = { type: 'string' };
const scalar: JsonSchema = { anyOf: [text, { type: 'number' }, { type: 'boolean' }] };
const equals: JsonSchema = { type: 'object', properties: { op: { type: 'string', enum: ['='] }, value: scalar } };
const missing: JsonSchema = { type: 'object', properties: { op: { type: 'string', enum: ['is_null'] } } };

test.each<[JsonSchema, object]>([
  [
    { type: 'string', enum: ['a'] },
    { kind: 'choice', values: ['a'] },
  ],
  [{ type: 'integer' }, { kind: 'number' }],
  [
    { type: 'array', items: text },
    { kind: 'lines', isScalar: false },
  ],
  [
    { type: 'array', items: scalar },
    { kind: 'lines', isScalar: true },
  ],
  [
    { type: 'array', prefixItems: [text, text], items: false, description: '`[x, y]` of it.' },
    { kind: 'tuple', labels: ['x', 'y'] },
  ],
  [
    { type: 'object', additionalProperties: text },
    { kind: 'entries', value: text },
  ],
  [{ oneOf: [equals, missing] }, { kind: 'variants', property: 'op', variants: [equals, missing] }],
  [
    { type: 'array', items: { oneOf: [equals, missing] } },
    { kind: 'list', item: { oneOf: [equals, missing] } },
  ],
])('%j is edited as %j', (schema, kind) => expect(kindOf(schema)).toEqual(kind));

test('a value of an unknown schema is edited as text', () =>
  expect(kindOf({ type: 'null' })).toEqual({ kind: 'text' }));

test.each<[string, unknown]>([
  ['built', 'built'],
  ['12', 12],
  ['-1.50', -1.5],
  ['007', '007'],
  ['"12"', '12'],
  ['true', true],
  ['"true"', 'true'],
  ['9007199254740993', '9007199254740993'],
  ['', ''],
])('%j is the value %j, and back', (typed, value) => {
  expect(parseScalar(typed)).toBe(value);
  expect(parseScalar(scalarText(value))).toBe(value);
});

test.each([
  ['', undefined],
  ['1.5', 1.5],
  ['1,5', '1,5'],
])('%j is the number %j', (typed, value) => expect(parseNumber(typed)).toBe(value));

test('names and descriptions are shown without marks', () => {
  expect(labelOf('target_crs')).toBe('Target CRS');
  expect(helpOf({ description: 'The CRS of `bounds`.', default: 'EPSG:4326' })).toBe(
    'The CRS of bounds. Default: EPSG:4326.',
  );
  expect(helpOf({ description: 'Columns.', default: [] })).toBe('Columns.');
  expect(helpOf({})).toBeUndefined();
});
