import { expect, test } from 'vitest';
import { withDatabase } from './server.ts';

test.each([
  ['mongodb://127.0.0.1:27017', 'mongodb://127.0.0.1:27017/lake'],
  ['mongodb://h1:27017,h2:27018/?replicaSet=rs0', 'mongodb://h1:27017,h2:27018/lake?replicaSet=rs0'],
  ['mongodb://zoë:p%40ss@h1,h2/other?authSource=admin', 'mongodb://zoë:p%40ss@h1,h2/lake?authSource=admin'],
  ['mongodb+srv://cluster.example?tls=true', 'mongodb+srv://cluster.example/lake?tls=true'],
])('the URL of a database on %s', (server, url) => {
  expect(withDatabase(server, 'lake')).toBe(url);
});
