import { Hono } from 'hono';
import { expect, test } from 'vitest';
import { accessOf, hasRole, isRoute, ROUTE_ROLES } from './route-roles.ts';

test('each role has the rights of those before it', () => {
  expect([hasRole('viewer', 'viewer'), hasRole('viewer', 'operator'), hasRole('viewer', 'admin')]).toEqual([
    true,
    false,
    false,
  ]);
  expect([hasRole('operator', 'viewer'), hasRole('operator', 'admin'), hasRole('admin', 'operator')]).toEqual([
    true,
    false,
    true,
  ]);
});

test('a route without a row is for admins, and an unknown path for viewers', () => {
  expect(accessOf([{ method: 'ALL', path: '/*' }])).toBe('viewer');
  expect(
    accessOf([
      { method: 'ALL', path: '/*' },
      { method: 'POST', path: '/api/new' },
    ]),
  ).toBe('admin');
  expect(accessOf([{ method: 'PUT', path: '/api/landing/*' }])).toBe('operator');
});

test('only what reads, and the routes of programs and logins, need less than the role operator', () => {
  const open = Object.entries(ROUTE_ROLES).filter(([, role]) => !['operator', 'admin', 'calls'].includes(role));
  const changes = open.map(([route]) => route).filter((route) => !route.startsWith('GET '));
  expect(changes).toEqual(['POST /webhooks/minio', 'POST /events', 'POST /login', 'POST /logout']);
  const everyone = open.filter(([, role]) => role === 'public').map(([route]) => route);
  expect(everyone.filter((route) => !route.includes('/login'))).toEqual(['GET /healthz', 'POST /logout']);
});

test('checks of every request are not routes', () => {
  const app = new Hono().use(async (_c, next) => next()).use('/api/*', async (_c, next) => next());
  expect(app.routes.filter(isRoute)).toEqual([]);
});
