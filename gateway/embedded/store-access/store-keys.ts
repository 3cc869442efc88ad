import { randomBytes } from 'node:crypto';
import { chmodSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Env } from '#shared/config/env.ts';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { writeDurably } from '#shared/streams/write-durably.ts';
import { reasonOf } from '#shared/text/error-reason.ts';

/** The only keys that the embedded object store accepts. */
export interface StoreKeys {
  accessKeyId: string;
  secretAccessKey: string;
}

/** The file of the generated keys in SLUICE_HOME. `AWS_SHARED_CREDENTIALS_FILE` can name it. */
export const KEYS_FILE = 's3-credentials';
const OWNER_ONLY = 0o600;

/**
 * The keys of the embedded object store: S3_ACCESS_KEY_ID and S3_SECRET_ACCESS_KEY, else the generated keys in
 * `home`, which the first start creates. The caller holds the lock of `home`. Throws SETUP_FAILED.
 */
export function embeddedStoreKeys(
  env: Pick<Env, 'S3_ACCESS_KEY_ID' | 'S3_SECRET_ACCESS_KEY'>,
  home: string,
): StoreKeys {
  const { S3_ACCESS_KEY_ID: accessKeyId, S3_SECRET_ACCESS_KEY: secretAccessKey } = env;
  if (accessKeyId !== undefined && secretAccessKey !== undefined) return { accessKeyId, secretAccessKey };
  const file = join(home, KEYS_FILE);
  try {
    return readKeys(file) ?? writeKeys(file, generateKeys());
  } catch (thrown) {
    if (thrown instanceof SluiceError) throw thrown;
    throw setupFailed(`Could not read or write the keys of the object store in ${file}: ${reasonOf(thrown)}.`, file);
  }
}

/** Reads the keys from the file. Undefined if the file does not exist. */
function readKeys(file: string): StoreKeys | undefined {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw thrown;
  }
  chmodSync(file, OWNER_ONLY); // A copy of the folder may have other permissions.
  const valueOf = (name: string) => new RegExp(`^${name} ?= ?(\\S+)$`, 'm').exec(text)?.[1];
  const [accessKeyId, secretAccessKey] = [valueOf('aws_access_key_id'), valueOf('aws_secret_access_key')];
  if (accessKeyId !== undefined && secretAccessKey !== undefined) return { accessKeyId, secretAccessKey };
  throw setupFailed(
    `${file} contains no keys of the object store. Delete it; the next start generates new keys.`,
    file,
  );
}

/** After a crash, the file is complete or does not exist, and the next start generates other keys. */
function writeKeys(file: string, keys: StoreKeys): StoreKeys {
  const text =
    '# The keys of the embedded object store of Sluice, in the format of the AWS command line.\n' +
    `[default]\naws_access_key_id = ${keys.accessKeyId}\naws_secret_access_key = ${keys.secretAccessKey}\n`;
  writeDurably(file, text, { mode: OWNER_ONLY });
  return keys;
}

/** An access key of 20 and a secret of 40 characters, as in AWS. No character needs escaping in a URL or a shell. */
function generateKeys(): StoreKeys {
  return {
    accessKeyId: `SLUICE${randomBytes(7).toString('hex').toUpperCase()}`,
    secretAccessKey: randomBytes(30).toString('base64url'),
  };
}

function setupFailed(message: string, file: string): SluiceError {
  return new SluiceError('SETUP_FAILED', message, { details: { file } });
}
