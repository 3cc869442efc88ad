import { expect, test } from 'vitest';
import { type Key, keysOf, proposeDataset } from './keys.ts';

const key = (name: string, family = 'text'): Key => ({ name, type: family, family });
const NONE = { feature_key: '', table_key: '' };
const names = (features: Key[], table: Key[], chosen = NONE) => {
  const keys = keysOf(features, table, chosen);
  return [keys.feature?.name, keys.table?.name];
};

test('proposes equal names before similar ones', () => {
  expect(names([key('LAND_NR'), key('code')], [key('Land-Nr'), key('code')])).toEqual(['code', 'code']);
  expect(names([key('LAND_NR'), key('x')], [key('y'), key('Land-Nr')])).toEqual(['LAND_NR', 'Land-Nr']);
  expect(names([key('Größe')], [key('GRÖSSE')])).toEqual([undefined, undefined]);
});

test('proposes no keys that cannot be compared, and no floats', () => {
  expect(names([key('id', 'number')], [key('id')])).toEqual([undefined, undefined]);
  expect(names([key('area', 'float')], [key('area', 'float')])).toEqual([undefined, undefined]);
});

test('completes a chosen key, and keeps two chosen ones', () => {
  const features = [key('code'), key('name'), key('area', 'float')];
  const table = [key('Name'), key('code'), key('area', 'float')];
  expect(names(features, table, { feature_key: 'name', table_key: '' })).toEqual(['name', 'Name']);
  expect(names(features, table, { feature_key: '', table_key: 'area' })).toEqual(['area', 'area']);
  expect(names(features, table, { feature_key: 'name', table_key: 'code' })).toEqual(['name', 'code']);
  expect(names(features, table, { feature_key: 'gone', table_key: 'gone' })).toEqual(['code', 'code']);
});

test('proposes a valid name for the dataset', () => {
  expect(proposeDataset('länder', 'zahlen')).toBe('länder-zahlen');
  const long = proposeDataset('a'.repeat(99), 'b');
  expect(long).toBe('a'.repeat(99));
});
