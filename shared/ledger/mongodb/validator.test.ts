import { expect, test } from 'vitest';
import { type CollectionName, SCHEMAS } from '../collections.ts';
import { OBJECT_ID_FIELDS } from './stored-documents.ts';
import { validatorOf } from './validator.ts';

/** Keywords that MongoDB supports (manual, "$jsonSchema"). It rejects a validator with any other keyword. */
const SUPPORTED = new Set([
  ...['additionalItems', 'additionalProperties', 'anyOf', 'bsonType', 'enum', 'items', 'maximum', 'maxItems'],
  ...['maxLength', 'minimum', 'minItems', 'minLength', 'multipleOf', 'oneOf', 'pattern', 'properties', 'required'],
  ...['type'],
]);

const names = Object.keys(SCHEMAS) as CollectionName[];

test.each(names)('the validator of %s has only keywords that MongoDB supports', (name) => {
  const keywords = new Set<string>();
  const visit = (schema: unknown): void => {
    if (Array.isArray(schema)) return schema.forEach(visit);
    if (typeof schema !== 'object' || schema === null) return;
    for (const [keyword, value] of Object.entries(schema)) {
      keywords.add(keyword);
      if (keyword === 'properties') Object.values(value as object).forEach(visit);
      else visit(value);
    }
  };
  visit(validatorOf(SCHEMAS[name]));
  expect([...keywords].filter((keyword) => !SUPPORTED.has(keyword))).toEqual([]);
});

test.each(names)('the ids of %s are exactly the ObjectIds of its validator', (name) => {
  const paths: string[] = [];
  const visit = (schema: unknown, path: string): void => {
    if (Array.isArray(schema)) return schema.forEach((each) => visit(each, path));
    if (typeof schema !== 'object' || schema === null) return;
    for (const [keyword, value] of Object.entries(schema)) {
      if (keyword === 'bsonType' && value === 'objectId') paths.push(path);
      else if (keyword === 'properties')
        for (const [field, below] of Object.entries(value as object)) visit(below, path ? `${path}.${field}` : field);
      else visit(value, path);
    }
  };
  visit(validatorOf(SCHEMAS[name]), '');
  expect(paths.filter((path) => path !== '_write').sort()).toEqual([...OBJECT_ID_FIELDS[name]].sort());
});
