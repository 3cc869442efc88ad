import { chownSync, existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { asSluiceError } from '#shared/errors/sluice-error.ts';
import { writeDurably } from '#shared/streams/write-durably.ts';
import { ADMIN_PASSWORD_FILE, generateSecrets, planSecrets, type SecretFile } from './plan-secrets.ts';

/**
 * The service `secrets` of docker-compose.yaml: checks the secrets of .env, and writes each of them to the volumes of
 * the containers that may read it. Compose itself cannot pass a secret of .env to a container with a read-only root
 * file system. Every server starts after this service, so an unsafe secret prevents the start.
 *
 * - `node cli/compose/secrets.ts` writes to the folders of the volumes below /secrets.
 * - `node cli/compose/secrets.ts generate` prints lines for .env.
 * - `node cli/compose/secrets.ts admin-password` prints the password of the user admin.
 */

const FOLDER = '/secrets';
const EXIT_INVALID = 2;
/** A volume is mounted only in containers that may read its files, whose users have different ids. */
const MODE = 0o444;
/** The volume of the file of the users, and the user of the container `cli`, which changes it. */
const USERS_FOLDER = `${FOLDER}/users`;
const CLI_USER = 1000;
const OWNER_MODE = 0o400;

function writeSecrets(): void {
  const { files, defaults } = planSecrets(process.env, stored);
  for (const file of files) writeSecret(FOLDER, file);
  if (existsSync(USERS_FOLDER)) chownSync(USERS_FOLDER, CLI_USER, CLI_USER);
  if (defaults.length === 0) return void process.stdout.write('The secrets of .env are written.\n');
  process.stdout.write(
    `These secrets have public default passwords: ${defaults.join(', ')}. Use this installation only on a machine ` +
      'that nobody else can reach.\n',
  );
}

function stored(path: string): string | undefined {
  const file = join(FOLDER, path);
  return existsSync(file) ? readFileSync(file, 'utf8') : undefined;
}

/** Replaces the file in one step, so that a container that starts meanwhile reads a complete one. */
export function writeSecret(folder: string, { path, content, owner }: SecretFile): void {
  writeDurably(join(folder, path), content, {
    mode: owner === undefined ? MODE : OWNER_MODE,
    ...(owner === undefined ? {} : { owner: { uid: owner, gid: owner } }),
  });
}

if (import.meta.main) {
  try {
    if (process.argv[2] === 'generate') process.stdout.write(generateSecrets());
    else if (process.argv[2] === 'admin-password') process.stdout.write(`${stored(ADMIN_PASSWORD_FILE) ?? ''}\n`);
    else writeSecrets();
  } catch (thrown) {
    process.stderr.write(`${asSluiceError(thrown).message}\n`);
    process.exitCode = EXIT_INVALID;
  }
}
