import { statSync } from 'node:fs';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import type { Logger } from '#shared/log/log.ts';
import { hashToken } from './tokens.ts';
import { parseUsers, readUsersFile, type User } from './users-file.ts';

/** Where the users are stored: a variable or a file. */
export interface UsersSource {
  /** The document of the users, instead of a file. */
  text?: string | undefined;
  file: string;
  /** Whether the file must exist. */
  required: boolean;
}

/** The users of the file. A changed file applies to the next request. */
export class UserDirectory {
  readonly #source: UsersSource;
  readonly #log: Logger;
  #state = '';
  #isConfigured: boolean;
  #users = new Map<string, User>();
  #owners = new Map<string, User>();

  /** Reads the users. Throws CONFIG_INVALID. */
  constructor(source: UsersSource, log: Logger) {
    this.#source = source;
    this.#log = log;
    this.#isConfigured = source.text !== undefined;
    if (source.text !== undefined) {
      this.#set(parseUsers(source.text, 'SLUICE_USERS'));
      return;
    }
    const state = stateOf(source.file);
    const users = readUsersFile(source.file);
    if (users === undefined && source.required) throw missingFile(source.file);
    this.#state = state;
    this.#isConfigured = state !== '';
    this.#set(users ?? []);
  }

  /** Whether there is a document of the users, or was since the start. */
  get isConfigured(): boolean {
    this.#refresh();
    return this.#isConfigured;
  }

  get size(): number {
    this.#refresh();
    return this.#users.size;
  }

  find(name: string): User | undefined {
    this.#refresh();
    return this.#users.get(name);
  }

  /** The user of a token. The map compares hashes, so the time of a search does not reveal tokens. */
  findByToken(token: string): User | undefined {
    this.#refresh();
    return this.#owners.get(hashToken(token));
  }

  /** After an invalid change, which is logged, the users stay. Without the permission to read, there are none. */
  #refresh(): void {
    if (this.#source.text !== undefined) return;
    const { file, required } = this.#source;
    const state = stateOf(file);
    if (state === this.#state) return;
    this.#state = state;
    this.#isConfigured ||= state !== '';
    try {
      const users = readUsersFile(file);
      if (users === undefined && required) throw missingFile(file);
      this.#set(users ?? []);
      this.#log.info({ file, users: this.#users.size }, 'Users:Read:Done');
    } catch (thrown) {
      const { message, cause } = thrown as Error;
      if (isDenied(cause)) this.#set([]);
      this.#log.error({ file, reason: message, users: this.#users.size }, 'Users:Read:Failed');
    }
  }

  #set(users: User[]): void {
    this.#users = new Map(users.map((user) => [user.name, user]));
    this.#owners = new Map(users.flatMap((user) => user.tokens.map(({ hash }) => [hash, user] as const)));
  }
}

function missingFile(file: string): SluiceError {
  return new SluiceError('CONFIG_INVALID', `The file ${file} (SLUICE_USERS_FILE) does not exist.`);
}

/** Changes with each replacement of the file, and of its permissions. Empty without a file. */
function stateOf(file: string): string {
  try {
    const found = statSync(file, { throwIfNoEntry: false, bigint: true });
    return found === undefined ? '' : `${found.ino} ${found.mtimeNs} ${found.ctimeNs} ${found.size}`;
  } catch (thrown) {
    if (isDenied(thrown)) return 'denied';
    throw thrown;
  }
}

function isDenied(thrown: unknown): boolean {
  return ['EACCES', 'EPERM'].includes((thrown as NodeJS.ErrnoException | undefined)?.code ?? '');
}
