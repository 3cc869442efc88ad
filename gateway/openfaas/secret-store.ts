import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { reasonOf } from '#shared/text/error-reason.ts';
import { writeDurably } from '#shared/streams/write-durably.ts';

/** The limit of Kubernetes. */
export const MAX_SECRET_BYTES = 2 ** 20;
/** A DNS subdomain, as faas-cli and Kubernetes require. Such a name is also safe as the name of a file. */
const SECRET_NAME = /^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/;
const MAX_NAME_CHARACTERS = 253;

/** Only the user of Sluice may read the values. */
const FOLDER_MODE = 0o700;
const FILE_MODE = 0o600;

/**
 * The secrets of faas-cli: one file for each in a folder. Values are written, and never read, logged or returned here.
 * A function reads them from the path in a variable `NAME_FILE` of its settings.
 */
export class SecretStore {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Names in alphabetical order. */
  get names(): string[] {
    if (!existsSync(this.#folder)) return [];
    return readdirSync(this.#folder).filter(isSecretName).sort();
  }

  has(name: string): boolean {
    return isSecretName(name) && existsSync(this.pathOf(name));
  }

  /** The file of a secret. */
  pathOf(name: string): string {
    return join(this.#folder, name);
  }

  /** Throws SECRET_CONFLICT if it exists, REQUEST_INVALID. */
  create(name: string, value: Uint8Array): void {
    this.checkCreate(name, value);
    this.#write(name, value);
  }

  /** Throws the errors of `create`, and changes nothing. */
  checkCreate(name: string, value: Uint8Array): void {
    checkSecret(name, value);
    if (!this.has(name)) return;
    const text = `Secret ${name} exists already. Change it with faas-cli secret update.`;
    throw new SluiceError('SECRET_CONFLICT', text, { details: { secret: name } });
  }

  /** Throws SECRET_NOT_FOUND, REQUEST_INVALID. */
  update(name: string, value: Uint8Array): void {
    this.checkUpdate(name, value);
    this.#write(name, value);
  }

  /** Throws the errors of `update`, and changes nothing. */
  checkUpdate(name: string, value: Uint8Array): void {
    checkSecret(name, value);
    this.require(name);
  }

  /** Throws SECRET_NOT_FOUND. */
  remove(name: string): void {
    this.require(name);
    rmSync(this.pathOf(name));
  }

  /** Throws SECRET_NOT_FOUND. */
  require(name: string): void {
    if (this.has(name)) return;
    const text = `Secret ${JSON.stringify(name)} does not exist. Create it with faas-cli secret create.`;
    throw new SluiceError('SECRET_NOT_FOUND', text, { details: { secret: name } });
  }

  #write(name: string, value: Uint8Array): void {
    try {
      mkdirSync(this.#folder, { recursive: true, mode: FOLDER_MODE });
      writeDurably(this.pathOf(name), value, { mode: FILE_MODE });
    } catch (cause) {
      const text = `Could not store the secret ${name} in ${this.#folder}: ${reasonOf(cause)}. It is unchanged.`;
      throw new SluiceError('CONFIG_INVALID', text, { cause, details: { secret: name } });
    }
  }
}

function isSecretName(name: string): boolean {
  return name.length <= MAX_NAME_CHARACTERS && SECRET_NAME.test(name);
}

/** Throws REQUEST_INVALID, without the value. */
function checkSecret(name: string, value: Uint8Array): void {
  const problem = !isSecretName(name)
    ? `The name ${JSON.stringify(name)} may have lowercase letters, digits, "-" and ".", and no "-" or "." at an end.`
    : value.length === 0
      ? `The value of the secret ${name} is empty.`
      : value.length > MAX_SECRET_BYTES
        ? `The value of the secret ${name} has ${value.length} bytes; the limit is ${MAX_SECRET_BYTES}.`
        : undefined;
  if (problem !== undefined) throw new SluiceError('REQUEST_INVALID', problem, { details: { secret: name } });
}
