import { type Command, Option } from 'commander';
import { ROLES } from '../gateway/access/route-roles.ts';
import { addUser, changePassword, listUsers, removeUser, userToken } from './commands/users.ts';
import type { CommandParts } from './command-parts.ts';
import { jsonOption } from './input/options.ts';

/** Adds `sluice users` with its commands. */
export function defineUsers(program: Command, { env, terminal, setExitCode }: CommandParts): void {
  const plain = { env, input: process.stdin, terminal: terminal({}) };
  const command = program
    .command('users')
    .description(
      'List or change the users of the gateway. They are stored in SLUICE_USERS_FILE, by default users.json in ' +
        'SLUICE_HOME.',
    );
  command
    .command('list', { isDefault: true })
    .description('List the users with their roles.')
    .addOption(jsonOption('print a JSON array, for programs'))
    .action(async (flags: { json?: boolean }) => setExitCode(await listUsers(env, terminal(flags))));
  command
    .command('add')
    .description('Add a user. The password is read from the terminal without echo, or from standard input.')
    .argument('<name>', 'name of the user')
    .addOption(new Option('--role <role>', 'role of the user').choices(ROLES).makeOptionMandatory())
    .option('--no-password', 'add a program, which can only use tokens')
    .action(async (name: string, flags: { role: (typeof ROLES)[number]; password: boolean }) =>
      setExitCode(await addUser(name, flags, plain)),
    );
  command
    .command('password')
    .description("Change the password of a user, and end the user's login sessions.")
    .argument('<name>', 'name of the user')
    .action(async (name: string) => setExitCode(await changePassword(name, plain)));
  command
    .command('token')
    .description('Create a token for a program, and print it once.')
    .argument('<name>', 'name of the user whose role the token has')
    .option('--label <label>', 'name of the token', 'default')
    .option('--revoke', 'delete the token with this label instead')
    .action(async (name: string, flags: { label: string; revoke?: boolean }) =>
      setExitCode(await userToken(name, flags, env, terminal({}))),
    );
  command
    .command('remove')
    .description("Remove a user, end the user's login sessions, and delete the user's tokens.")
    .argument('<name>', 'name of the user')
    .action(async (name: string) => setExitCode(await removeUser(name, env, terminal({}))));
}
