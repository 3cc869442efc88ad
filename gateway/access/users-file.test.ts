import {
  chmodSync,
  chownSync,
  lstatSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, expect, onTestFinished, test } from 'vitest';
import { SILENT_LOG } from '#shared/log/log.ts';
import { testLog } from '../../tests/log-lines.ts';
import { hashPassword } from './password-hash.ts';
import { createToken, hashToken } from './tokens.ts';
import { UserDirectory } from './user-directory.ts';
import { parseUsers, readUsersFile, type User, userNameProblem, writeUsersFile } from './users-file.ts';

const isRoot = process.getuid?.() === 0;
let password: string;
beforeAll(async () => {
  password = await hashPassword('correct horse battery');
});

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'sluice users #é '));
  onTestFinished(() => rmSync(path, { recursive: true }));
  return path;
}

const user = (name: string, tokens: User['tokens'] = []): User => ({ name, role: 'viewer', password, tokens });

test('the file has the hashes, and only its owner can read it', () => {
  const file = join(folder(), 'new', 'users.json');
  writeUsersFile(file, [user('ana')]);
  expect(readUsersFile(file)).toEqual([user('ana')]);
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(readFileSync(file, 'utf8')).toContain('$scrypt$ln=15,r=8,p=3$');
});

test.each([
  ['', 'is not valid JSON'],
  ['{"users":[{"name":"ana","role":"root"}]}', 'users[0].role must be one of viewer, operator, admin. Write it with'],
  ['{"users":[{"name":"Ana","role":"admin"}]}', 'users[0].name must consist of lowercase'],
  ['{"users":[{"name":"ana","role":"admin","password":"secret1"}]}', 'users[0].password must be a hash'],
  [
    '{"users":[{"name":"ana","role":"admin","rolle":1}]}',
    'users[0].rolle is an unknown field; expected one of name, role, password, tokens. Write it with',
  ],
  ['{"users":[{"name":"a","role":"admin"},{"name":"a","role":"viewer"}]}', 'users must have different names'],
])('rejects the document %s', (text, message) => {
  const thrown = (() => {
    try {
      return parseUsers(text, 'FILE');
    } catch (error) {
      return error as Error;
    }
  })();
  expect(thrown).toMatchObject({ code: 'CONFIG_INVALID', message: expect.stringContaining(message) });
  expect((thrown as Error).message).not.toContain('secret1');
});

test.each(['ana', 'a.b_c-d@example.org', '7'])('%s can be the name of a user', (name) =>
  expect(userNameProblem(name)).toBeUndefined(),
);
test.each(['', 'Ana', 'a:b', 'ä', 'a b', '-a', 'sluice', 'anonymous', 'a'.repeat(65)])(
  '%j cannot be the name of a user',
  (name) => expect(userNameProblem(name)).toBeDefined(),
);

test('a changed file applies immediately, and an invalid one is ignored', () => {
  const file = join(folder(), 'users.json');
  const users = new UserDirectory({ file, required: false }, SILENT_LOG);
  expect(users.size).toBe(0);
  const token = createToken();
  const tokens = [{ label: 'ci', hash: hashToken(token), created_at: '2026-12-01T00:00:00.000Z' }];
  writeUsersFile(file, [user('ana', tokens), user('bob')]);
  expect([users.size, users.findByToken(token)?.name, users.findByToken(`${token}x`)]).toEqual([2, 'ana', undefined]);
  writeFileSync(file, '{');
  expect(users.size).toBe(2);
  writeUsersFile(file, [user('bob')]);
  expect([users.find('ana'), users.findByToken(token), users.find('bob')?.role]).toEqual([
    undefined,
    undefined,
    'viewer',
  ]);
});

test('a file that must exist is required at the start, and kept in memory later', () => {
  const file = join(folder(), 'users.json');
  const source = { file, required: true };
  expect(() => new UserDirectory(source, SILENT_LOG)).toThrow(`The file ${file} (SLUICE_USERS_FILE) does not exist.`);
  writeUsersFile(file, [user('ana')]);
  const users = new UserDirectory(source, SILENT_LOG);
  rmSync(file);
  expect(users.size).toBe(1);
});

test('a replaced file keeps its owner and mode, and a link to it stays', () => {
  const path = folder();
  const [file, link] = [join(path, 'users.json'), join(path, 'link.json')];
  writeUsersFile(file, [user('ana')]);
  chmodSync(file, 0o640);
  if (isRoot) chownSync(file, 1234, 1235);
  symlinkSync(file, link);
  const before = statSync(file);
  writeUsersFile(link, [user('bob')]);
  const after = statSync(file);
  expect([after.uid, after.gid, after.mode]).toEqual([before.uid, before.gid, before.mode]);
  expect(lstatSync(link).isSymbolicLink()).toBe(true);
  expect(readUsersFile(file)).toEqual([user('bob')]);
  expect(readdirSync(path).sort()).toEqual(['link.json', 'users.json']);
});

test('without the permission to read the file, there are no users', () => {
  const path = folder();
  const file = join(path, 'users.json');
  const { log, lines } = testLog();
  writeUsersFile(file, [user('ana')]);
  const users = new UserDirectory({ file, required: false }, log);
  expect(users.size).toBe(1);
  chmodSync(path, 0o755);
  chmodSync(file, 0);
  if (isRoot) process.seteuid?.(65_534);
  try {
    expect([users.size, users.find('ana'), users.isConfigured]).toEqual([0, undefined, true]);
  } finally {
    if (isRoot) process.seteuid?.(0);
  }
  expect(lines).toMatchObject([{ msg: 'Users:Read:Failed', users: 0, reason: expect.stringContaining(file) }]);
  chmodSync(file, 0o600);
  expect(users.size).toBe(1);
});

test('users that were configured once are configured until the restart', () => {
  const file = join(folder(), 'users.json');
  const users = new UserDirectory({ file, required: false }, SILENT_LOG);
  expect(users.isConfigured).toBe(false);
  writeUsersFile(file, []);
  expect(users.isConfigured).toBe(true);
  rmSync(file);
  expect([users.size, users.isConfigured]).toEqual([0, true]);
});

test('users can be in a variable', () => {
  const text = JSON.stringify({ users: [user('ana')] });
  expect(new UserDirectory({ text, file: '/nowhere', required: true }, SILENT_LOG).find('ana')?.role).toBe('viewer');
});

test('an error of the file names it', () => {
  const broken = join(folder(), 'users.json');
  writeFileSync(broken, '{');
  expect(() => readUsersFile(broken)).toThrow(`${broken} is not valid JSON. Restore or delete it.`);
  const path = join(folder(), 'users.json');
  writeUsersFile(path, []);
  chmodSync(path, 0o600);
  expect(() => readUsersFile(join(path, 'x'))).toThrow(`Could not read the users in ${join(path, 'x')}`);
});
