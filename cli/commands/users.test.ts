import { mkdtempSync, readdirSync, readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { hashToken } from '../../gateway/access/tokens.ts';
import { verifyPassword } from '../../gateway/access/password-hash.ts';
import { parseUsers } from '../../gateway/access/users-file.ts';

/** `sluice users` in separate processes, with the password on standard input. */

const LAUNCHER = fileURLToPath(new URL('../sluice.mjs', import.meta.url));
const PASSWORD = 'correct horse battery';
let folder: string;
let file: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'sluice users é #'));
  file = join(folder, 'users.json');
});
afterAll(() => rm(folder, { recursive: true }));

const users = (args: string[], input = '', variables: Record<string, string> = {}) =>
  execa(process.execPath, [LAUNCHER, 'users', ...args], {
    reject: false,
    input,
    env: { LOG_LEVEL: 'silent', SLUICE_USERS_FILE: file, ...variables },
  });
const stored = () => parseUsers(readFileSync(file, 'utf8'), file);

test('concurrent commands do not undo each other', async () => {
  const own = { SLUICE_USERS_FILE: join(folder, 'concurrent.json') };
  const names = ['a', 'b', 'c', 'd'];
  const added = names.map((name) => users(['add', name, '--role', 'viewer', '--no-password'], '', own));
  expect((await Promise.all(added)).map(({ exitCode }) => exitCode)).toEqual([0, 0, 0, 0]);
  const written = parseUsers(readFileSync(own.SLUICE_USERS_FILE, 'utf8'), 'FILE');
  expect(written.map(({ name }) => name).sort()).toEqual(names);
  expect(readdirSync(folder)).toEqual(['concurrent.json']);
});

test('adds, lists, changes and removes users', async () => {
  expect((await users([])).stdout).toBe('There are no users.');
  const added = await users(['add', 'ana', '--role', 'operator'], `${PASSWORD}\nsecond line`);
  expect([added.exitCode, added.stdout]).toEqual([0, `Added ana with the role operator to ${file}.`]);
  expect((await users(['add', 'ci', '--role', 'viewer', '--no-password'])).exitCode).toBe(0);
  const [ana, ci] = stored();
  expect(await verifyPassword(PASSWORD, ana?.password ?? '')).toBe(true);
  expect(ci).toEqual({ name: 'ci', role: 'viewer', tokens: [] });

  const token = await users(['token', 'ci', '--label', 'nightly']);
  expect(token.stdout).toMatch(/^sluice_[\w-]{43}$/);
  expect(stored()[1]?.tokens).toMatchObject([{ label: 'nightly', hash: hashToken(token.stdout) }]);
  expect(readFileSync(file, 'utf8')).not.toContain(token.stdout);
  expect((await users(['list'])).stdout.split('\n')).toEqual([
    'USER  ROLE      PASSWORD  TOKENS',
    'ana   operator  yes',
    'ci    viewer    no        nightly',
  ]);
  const [listed] = JSON.parse((await users(['list', '--json'])).stdout) as unknown[];
  expect(listed).toEqual({ name: 'ana', role: 'operator', password: true, tokens: [] });

  const changed = await users(['password', 'ana'], 'another horse battery');
  expect(changed.stdout).toBe('Changed the password of ana. All sessions of ana have ended.');
  expect(await verifyPassword(PASSWORD, stored()[0]?.password ?? '')).toBe(false);
  expect((await users(['token', 'ci', '--label', 'nightly', '--revoke'])).stdout).toBe(
    'Revoked the token nightly of ci.',
  );
  expect(stored()[1]?.tokens).toEqual([]);
  expect((await users(['remove', 'ana'])).exitCode).toBe(0);
  expect(stored().map(({ name }) => name)).toEqual(['ci']);
});

test.each([
  [['add', 'Bob', '--role', 'viewer'], PASSWORD, 'The name "Bob" must consist of lowercase ASCII letters'],
  [['add', 'bob', '--role', 'viewer'], 'short', 'The password has fewer than 12 characters.'],
  [
    ['add', 'bob', '--role', 'viewer'],
    '',
    'Standard input contains no password. Write the password to standard input.',
  ],
  [['add', 'bob', '--role', 'root'], PASSWORD, "argument 'root' is invalid"],
  [['add', 'bob'], PASSWORD, "required option '--role <role>' not specified"],
  [['add', 'bob', '--role', 'viewer', PASSWORD], '', 'too many arguments'],
  [['remove', 'nobody'], '', 'User "nobody" does not exist in '],
  [['token', 'nobody'], '', 'User "nobody" does not exist in '],
])('rejects %j', async (args, input, message) => {
  const { exitCode, stderr } = await users(args, input);
  expect([exitCode, stderr]).toEqual([2, expect.stringContaining(message)]);
});

test('does not change users of the variable SLUICE_USERS', async () => {
  const variables = { SLUICE_USERS: '{"users":[]}', SLUICE_USERS_FILE: '' };
  const { exitCode, stderr } = await users(['list'], '', variables);
  expect([exitCode, stderr]).toEqual([2, expect.stringContaining('The users are in SLUICE_USERS.')]);
});
