import { expect, test } from 'vitest';
import { roleOf } from './oidc.ts';

const MAPPING = 'viewer=*,operator=gis,admin=sluice-admins,operator=ops';

test.each([
  ['gis', 'operator'],
  [['staff', 'sluice-admins', 'gis'], 'admin'],
  [['ops'], 'operator'],
  [['GIS'], 'viewer'],
  [undefined, 'viewer'],
  [{ gis: true }, 'viewer'],
  ['*', 'viewer'],
])('the groups %j have the role %s', (groups, role) => expect(roleOf(groups, MAPPING)).toBe(role));

test('without a mapping for everyone, other users have no role', () => {
  expect(roleOf(['staff'], 'admin=sluice-admins')).toBeUndefined();
  expect(roleOf('*', 'admin=sluice-admins')).toBeUndefined();
  expect(roleOf(undefined, '')).toBeUndefined();
});
