import { existsSync, realpathSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Env } from '#shared/config/env.ts';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { type FolderLock, homeFolder, lockFolder } from '../../gateway/embedded/home-folder.ts';
import { passwordProblem } from '#shared/config/secret-rules.ts';
import { hashPassword } from '../../gateway/access/password-hash.ts';
import type { Role } from '../../gateway/access/route-roles.ts';
import { createToken, hashToken } from '../../gateway/access/tokens.ts';
import {
  readUsersFile,
  type User,
  userNameProblem,
  USERS_FILE,
  writeUsersFile,
} from '../../gateway/access/users-file.ts';
import { readPassword } from '../input/read-password.ts';
import { EXIT, runCommand, writeJson } from '../run-command.ts';
import { formatTable, type Terminal } from '../output/terminal.ts';

/**
 * `sluice users`: changes the file of the users on this machine, SLUICE_USERS_FILE or `users.json` in SLUICE_HOME. The
 * gateway reads a changed file with its next request.
 */

type UsersEnv = Pick<Env, 'SLUICE_USERS' | 'SLUICE_USERS_FILE'>;
type Input = Parameters<typeof readPassword>[0];

/** `sluice users list`. */
export function listUsers(env: UsersEnv, terminal: Terminal): Promise<number> {
  return runCommand(async () => {
    const users = readUsersFile(usersFile(env)) ?? [];
    const views = users.map(({ name, role, password, tokens }) => ({
      name,
      role,
      password: password !== undefined,
      tokens: tokens.map(({ label, created_at }) => ({ label, created_at })),
    }));
    if (terminal.json) writeJson(terminal, views);
    else terminal.stdout.write(`${views.length === 0 ? 'There are no users.' : usersTable(views)}\n`);
    return EXIT.success;
  }, terminal);
}

function usersTable(users: { name: string; role: string; password: boolean; tokens: { label: string }[] }[]): string {
  const rows = users.map(({ name, role, password, tokens }) => [
    name,
    role,
    password ? 'yes' : 'no',
    tokens.map(({ label }) => label).join(', '),
  ]);
  return formatTable([['USER', 'ROLE', 'PASSWORD', 'TOKENS'], ...rows]);
}

/** `sluice users add NAME --role ROLE`: with a password, or with `--no-password` for a program that uses tokens. */
export function addUser(
  name: string,
  { role, password: hasPassword }: { role: Role; password: boolean },
  { env, input, terminal }: { env: UsersEnv; input: Input; terminal: Terminal },
): Promise<number> {
  return runCommand(async () => {
    const file = usersFile(env);
    const problem = userNameProblem(name);
    if (problem !== undefined) throw invalid(`The name ${JSON.stringify(name)} ${problem}.`);
    const isNew = () => {
      const users = readUsersFile(file) ?? [];
      if (users.some((user) => user.name === name)) throw invalid(`User ${name} exists in ${file}.`);
      return users;
    };
    isNew(); // Before the password is typed.
    const password = hasPassword ? await newPasswordHash(name, input, terminal) : undefined;
    await withLock(file, () =>
      writeUsersFile(file, [...isNew(), { name, role, ...(password === undefined ? {} : { password }), tokens: [] }]),
    );
    terminal.stdout.write(`Added ${name} with the role ${role} to ${file}.\n`);
    return EXIT.success;
  }, terminal);
}

/** `sluice users password NAME`: ends all sessions of the user. */
export function changePassword(
  name: string,
  { env, input, terminal }: { env: UsersEnv; input: Input; terminal: Terminal },
): Promise<number> {
  return runCommand(async () => {
    const file = usersFile(env);
    requireUser(file, name);
    const password = await newPasswordHash(name, input, terminal);
    await changeUser(file, name, (user) => ({ ...user, password }));
    terminal.stdout.write(`Changed the password of ${name}. All sessions of ${name} have ended.\n`);
    return EXIT.success;
  }, terminal);
}

/** `sluice users remove NAME`: ends all sessions and tokens of the user. */
export function removeUser(name: string, env: UsersEnv, terminal: Terminal): Promise<number> {
  return runCommand(async () => {
    const file = usersFile(env);
    await changeUser(file, name, () => undefined);
    terminal.stdout.write(`Removed ${name} from ${file}.\n`);
    return EXIT.success;
  }, terminal);
}

/** `sluice users token NAME`: prints a new token, or with `--revoke` deletes the one with the label. */
export function userToken(
  name: string,
  { label, revoke = false }: { label: string; revoke?: boolean },
  env: UsersEnv,
  terminal: Terminal,
): Promise<number> {
  return runCommand(async () => {
    const problem = userNameProblem(label);
    if (problem !== undefined) throw invalid(`The label ${JSON.stringify(label)} ${problem}.`);
    const token = createToken();
    await changeUser(usersFile(env), name, (user) => {
      const others = user.tokens.filter((each) => each.label !== label);
      const exists = others.length < user.tokens.length;
      if (exists !== revoke) throw invalid(`User ${name} has ${exists ? 'a' : 'no'} token with the label ${label}.`);
      const created = { label, hash: hashToken(token), created_at: new Date().toISOString() };
      return { ...user, tokens: revoke ? others : [...others, created] };
    });
    if (revoke) terminal.stdout.write(`Revoked the token ${label} of ${name}.\n`);
    else {
      terminal.stderr.write('The token is shown only once. Use it as SLUICE_TOKEN, or as bearer token.\n');
      terminal.stdout.write(`${token}\n`);
    }
    return EXIT.success;
  }, terminal);
}

/** Throws CONFIG_INVALID if the users are in a variable. */
function usersFile({ SLUICE_USERS, SLUICE_USERS_FILE }: UsersEnv): string {
  if (SLUICE_USERS !== undefined)
    throw new SluiceError('CONFIG_INVALID', 'The users are in SLUICE_USERS. Change this variable, or unset it.');
  return resolve(SLUICE_USERS_FILE ?? join(homeFolder(), USERS_FILE));
}

async function newPasswordHash(name: string, input: Input, terminal: Terminal): Promise<string> {
  const password = await readPassword(input, terminal.stderr);
  const problem = passwordProblem(password, name);
  if (problem !== undefined) throw invalid(`The password ${problem}.`);
  return hashPassword(password);
}

function requireUser(file: string, name: string): User[] {
  const users = readUsersFile(file) ?? [];
  if (users.some((user) => user.name === name)) return users;
  throw invalid(`User ${JSON.stringify(name)} does not exist in ${file}.`);
}

/** Replaces one user. Undefined removes it. */
function changeUser(file: string, name: string, change: (user: User) => User | undefined): Promise<void> {
  return withLock(file, () => {
    const users = requireUser(file, name);
    writeUsersFile(
      file,
      users.flatMap((user) => (user.name === name ? (change(user) ?? []) : user)),
    );
  });
}

/** A change takes milliseconds. */
const LOCK_ATTEMPTS = 100;
const LOCK_RETRY_MS = 50;

/** Reads and writes the file while no other command does: the second write would undo the first. */
async function withLock(file: string, change: () => void): Promise<void> {
  const lock = await lockUsers(file);
  try {
    change();
  } finally {
    lock.release();
  }
}

async function lockUsers(file: string): Promise<FolderLock> {
  const lockFile = `${existsSync(file) ? realpathSync(file) : file}.lock`;
  for (let attempt = 1; ; attempt += 1) {
    try {
      return lockFolder(lockFile, 'sluice users');
    } catch (thrown) {
      if (!(thrown instanceof SluiceError)) throw thrown;
      if (attempt === LOCK_ATTEMPTS)
        throw invalid(
          `Another command is changing ${file}. If no other command is running, delete ${lockFile} and repeat the ` +
            'command.',
        );
      await sleep(LOCK_RETRY_MS);
    }
  }
}

function invalid(message: string): SluiceError {
  return new SluiceError('REQUEST_INVALID', message);
}
