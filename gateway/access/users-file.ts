import { mkdirSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { z } from 'zod';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { writeDurably } from '#shared/streams/write-durably.ts';
import { DESCRIBED, describeIssue, fieldPath, pathsOf } from '#shared/text/describe-issue.ts';
import { reasonOf } from '#shared/text/error-reason.ts';
import { isPasswordHash } from './password-hash.ts';
import { ROLES } from './route-roles.ts';

/** The document of the users: SLUICE_USERS_FILE, by default `users.json` in SLUICE_HOME, or SLUICE_USERS. */

export const USERS_FILE = 'users.json';

const MAX_NAME_CHARACTERS = 64;
/** Names in the activity log of actions that no user performed. */
const RESERVED = new Set(['sluice', 'anonymous']);

/** What is wrong with the name of a user, as the end of a sentence about it. */
export function userNameProblem(name: string): string | undefined {
  if (name.length > MAX_NAME_CHARACTERS) return `is longer than ${MAX_NAME_CHARACTERS} characters`;
  if (!/^[a-z\d][a-z\d._@-]*$/.test(name))
    return 'must consist of lowercase ASCII letters, digits and . _ @ -, and begin with a letter or digit';
  return RESERVED.has(name) ? 'is reserved' : undefined;
}

const NameSchema = z.string().refine((name) => userNameProblem(name) === undefined, {
  error: ({ input }) => userNameProblem(input as string),
});
const TokenSchema = z.strictObject({
  label: NameSchema,
  /** SHA-256 of the token in hexadecimal. */
  hash: z.string().regex(/^[\da-f]{64}$/, 'must be a SHA-256 hash in hexadecimal'),
  created_at: z.iso.datetime(),
});
const UserSchema = z.strictObject({
  name: NameSchema,
  role: z.enum(ROLES),
  /** Hash of the password. A user without a password can only use tokens. */
  password: z.string().refine(isPasswordHash, 'must be a hash of `sluice users`').optional(),
  tokens: z.array(TokenSchema).default([]),
});
export type User = z.infer<typeof UserSchema>;

const UsersSchema = z.strictObject({
  users: z
    .array(UserSchema)
    .refine((users) => new Set(users.map(({ name }) => name)).size === users.length, 'must have different names'),
});

/** The issues contain no values, because hashes are among them. */
const UNKNOWN_FIELDS = { error: DESCRIBED.error };

/** Parses the document. `source` is the subject of the error. Throws CONFIG_INVALID, without the hashes. */
export function parseUsers(text: string, source: string, advice = 'Write it with `npx sluice users`.'): User[] {
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch {
    throw invalid(source, 'is not valid JSON', advice); // The error of JSON.parse quotes the text.
  }
  const result = UsersSchema.safeParse(document, UNKNOWN_FIELDS);
  if (result.success) return result.data.users;
  const issues = result.error.issues.flatMap((issue) =>
    pathsOf(issue).map((path) => `${fieldPath(path) || 'the document'} ${problemOf(issue)}`),
  );
  throw invalid(source, `is invalid: ${issues.join('; ')}`, advice);
}

/** A wrong role and a missing one have the same message. */
function problemOf(issue: Parameters<typeof describeIssue>[0]): string {
  return issue.code === 'invalid_value' ? `must be one of ${issue.values.join(', ')}` : describeIssue(issue);
}

function invalid(source: string, problem: string, advice: string): SluiceError {
  return new SluiceError('CONFIG_INVALID', `${source} ${problem}. ${advice}`);
}

/** The users of a file. Undefined if it does not exist. Throws CONFIG_INVALID. */
export function readUsersFile(file: string): User[] | undefined {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new SluiceError('CONFIG_INVALID', `Could not read the users in ${file}: ${reasonOf(cause)}.`, { cause });
  }
  return parseUsers(text, file, 'Restore or delete it. `npx sluice users` writes a new one.');
}

const OWNER_ONLY = 0o600;
/** The permissions in the mode of a file. */
const PERMISSIONS = 0o777;

/**
 * Replaces the file in one step, so that the gateway always reads a complete one. Only its owner can read a new file.
 * An existing one keeps its owner and mode: the user of the gateway must be able to read it. Throws CONFIG_INVALID.
 */
export function writeUsersFile(file: string, users: User[]): void {
  try {
    mkdirSync(dirname(file), { recursive: true });
    const existing = statSync(file, { throwIfNoEntry: false });
    const target = existing === undefined ? file : realpathSync(file);
    const { uid, gid } = existing ?? {};
    writeDurably(target, `${JSON.stringify({ users }, null, 2)}\n`, {
      mode: existing === undefined ? OWNER_ONLY : existing.mode & PERMISSIONS,
      ...(uid === undefined || gid === undefined ? {} : { owner: { uid, gid } }),
    });
  } catch (cause) {
    throw new SluiceError('CONFIG_INVALID', `Could not write the users to ${file}: ${reasonOf(cause)}.`, { cause });
  }
}
