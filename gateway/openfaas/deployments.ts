import { readFileSync } from 'node:fs';
import { z } from 'zod';
import type { Env } from '#shared/config/env.ts';
import { ownSettingsOf, SECRETS_FOLDER, withSettings } from '#shared/config/function-settings.ts';
import { concurrencyOf, type Stack, type StackFunction } from '#shared/config/stack.ts';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { encodeSettings } from '#shared/runtime/function-caller.ts';
import { reasonOf } from '#shared/text/error-reason.ts';
import { isStorableText } from '#shared/text/storable.ts';
import type { SecretStore } from './secret-store.ts';
import { writeDurably } from '#shared/streams/write-durably.ts';

/** What a deployment sets for a function. */
export interface OwnSettings {
  /** Variables with a value that only this function has. The path of a secret begins with SECRETS_FOLDER. */
  settings: Record<string, string>;
  /** Secrets that are not in stack.yml. */
  secrets: string[];
}

/** What an operator changed about a function: nothing by default. */
const ChangeSchema = z.strictObject({
  removed: z.boolean().default(false),
  /** Calls that may run at the same time. By default as in stack.yml. */
  replicas: z.number().int().min(0).optional(),
  settings: z.record(z.string(), z.string()).default({}),
  secrets: z.array(z.string()).default([]),
});
const FileSchema = z.record(z.string(), ChangeSchema);
type Change = z.infer<typeof ChangeSchema>;
type Changes = z.infer<typeof FileSchema>;

const UNCHANGED: Change = { removed: false, settings: {}, secrets: [] };
/** A setting can be a URL with a password. */
const FILE_MODE = 0o600;
/** A call passes the settings in a header. All headers of a request have at most 16 KiB together. */
const MAX_ENCODED_SETTINGS_BYTES = 12_288;

export interface DeploymentsOptions {
  /** Keeps the changes over a restart. */
  file: string;
  stack: Pick<Stack, 'find' | 'functions'>;
  env: Env;
  secrets: SecretStore;
  /** Sets how many calls of a function the router runs at the same time. Events wait while it is 0. */
  scale: (functionName: string, calls: number) => void;
}

/**
 * Which functions of stack.yml this machine runs, with which settings, and how many calls of each at the same time. A
 * replica is a slot for a call. A function that was removed, or scaled to 0, receives nothing; its events wait in the
 * queue.
 */
export class Deployments {
  readonly #options: DeploymentsOptions;
  #changes: Changes;

  /** Reads and checks the file. Throws CONFIG_INVALID. */
  constructor(options: DeploymentsOptions) {
    this.#options = options;
    this.#changes = readChanges(options.file);
    for (const fn of options.stack.functions) this.#checkStored(fn);
  }

  /** Applies the stored changes to the router. Call it before the router starts. */
  applyStored(): void {
    for (const { name } of this.#options.stack.functions) if (Object.hasOwn(this.#changes, name)) this.#apply(name);
  }

  /** The functions that were not removed. */
  get functions(): StackFunction[] {
    return this.#options.stack.functions.filter(({ name }) => !this.#changeOf(name).removed);
  }

  get secrets(): SecretStore {
    return this.#options.secrets;
  }

  /** The function with this name. Undefined if stack.yml does not contain it, or if it was removed. */
  find(name: string): StackFunction | undefined {
    return this.#changeOf(name).removed ? undefined : this.#options.stack.find(name);
  }

  /** Calls of a function that may run at the same time; 0 when it was removed. */
  replicas(name: string): number {
    if (this.find(name) === undefined) return 0;
    return Math.min(this.#changeOf(name).replicas ?? Infinity, this.maxReplicas(name)); // stack.yml may have changed.
  }

  /** The largest number of replicas: the concurrency that stack.yml declares. */
  maxReplicas(name: string): number {
    const fn = this.#options.stack.find(name);
    return fn === undefined ? 0 : concurrencyOf(fn, this.#options.env).all;
  }

  /** What the last deployment set. */
  ownSettings(name: string): OwnSettings {
    const { settings, secrets } = this.#changeOf(name);
    return { settings, secrets };
  }

  /** The settings for a call: paths of secrets are those of the store. Undefined when there are none. */
  settingsForCall(name: string): Record<string, string> | undefined {
    const { settings } = this.#changeOf(name);
    return Object.keys(settings).length === 0 ? undefined : this.#withPaths(settings);
  }

  /** Removes a secret. Throws SECRET_NOT_FOUND, and SECRET_CONFLICT if a deployed function uses it. */
  removeSecret(secret: string): void {
    this.checkRemoveSecret(secret);
    this.secrets.remove(secret);
  }

  /** Throws the errors of `removeSecret`, and changes nothing. */
  checkRemoveSecret(secret: string): void {
    this.secrets.require(secret);
    const users = this.usersOf(secret);
    if (users.length === 0) return;
    const text = `Secret ${secret} is used by ${users.join(', ')}. Deploy without it first.`;
    throw new SluiceError('SECRET_CONFLICT', text, { details: { secret, functions: users } });
  }

  /** The functions whose deployment names a secret. */
  usersOf(secret: string): string[] {
    return Object.keys(this.#changes).filter((name) => this.#changeOf(name).secrets.includes(secret));
  }

  /** Changes the number of replicas, and stores it. Throws FUNCTION_NOT_FOUND, REQUEST_INVALID. */
  scale(name: string, replicas: number): void {
    this.checkScale(name, replicas);
    const { replicas: _before, ...change } = this.#changeOf(name);
    this.#change(name, replicas === this.maxReplicas(name) ? change : { ...change, replicas });
  }

  /** Throws the errors of `scale`, and changes nothing. */
  checkScale(name: string, replicas: number): void {
    this.#require(name);
    const max = this.maxReplicas(name);
    if (replicas > max)
      throw new SluiceError(
        'REQUEST_INVALID',
        `${name} cannot have ${replicas} replicas; the limit is ${max}, from sluice.concurrency in stack.yml.`,
        { details: { function: name, replicas, max_replicas: max } },
      );
  }

  /** Removes the function from the installation, and stores the change. Throws FUNCTION_NOT_FOUND. */
  remove(name: string): void {
    this.#require(name);
    this.#change(name, { ...UNCHANGED, removed: true });
  }

  /**
   * Enables a function of stack.yml with its concurrency of stack.yml, and with these settings only. Throws
   * REQUEST_INVALID: a secret may have been removed since the settings were checked.
   */
  deploy(name: string, own: OwnSettings = UNCHANGED): void {
    const fn = this.#options.stack.find(name);
    if (fn === undefined) throw notDeployed(name);
    this.checkSettings(fn, own);
    this.#change(name, { ...UNCHANGED, ...own });
  }

  /** Throws REQUEST_INVALID for settings that the function cannot have, and for a secret that does not exist. */
  checkSettings(fn: StackFunction, { settings, secrets }: OwnSettings): void {
    const { env, secrets: store } = this.#options;
    const wrong = (field: string, text: string) =>
      new SluiceError('REQUEST_INVALID', text, { details: { function: fn.name, field } });
    const missing = secrets.find((secret) => !store.has(secret));
    if (missing !== undefined)
      throw wrong(missing, `Secret ${missing} does not exist. Create it with faas-cli secret create ${missing}.`);
    const own = ownSettingsOf(fn);
    for (const [name, value] of Object.entries(settings)) {
      if (!own.includes(name))
        throw wrong(
          name,
          `This gateway cannot change ${name} of ${fn.name}${own.length === 0 ? '' : `, only ${own.join(', ')}`}. ` +
            'Set it in stack.yml or .env, and start Sluice again.',
        );
      if (!isStorableText(value))
        throw wrong(name, `${name} of ${fn.name} contains a NUL character or a lone surrogate. Remove the character.`);
      if (name.endsWith('_FILE') && !secrets.some((secret) => value === SECRETS_FOLDER + secret))
        throw wrong(name, `${name} of ${fn.name} must be ${SECRETS_FOLDER}NAME, with --secret NAME.`);
    }
    const header = encodeSettings(this.#withPaths(settings));
    if (header.length > MAX_ENCODED_SETTINGS_BYTES)
      throw wrong(
        'envVars',
        `The settings of ${fn.name} have ${header.length} bytes in percent-encoding; ` +
          `the limit is ${MAX_ENCODED_SETTINGS_BYTES} bytes. Shorten them.`,
      );
    try {
      withSettings(env, this.#withPaths(settings));
    } catch (thrown) {
      if (!(thrown instanceof SluiceError)) throw thrown;
      throw wrong('envVars', `The settings of ${fn.name} are not valid: ${thrown.message}`);
    }
  }

  /** Throws REQUEST_INVALID, without the value, if a function that is deployed with the secret cannot use it. */
  checkSecretValue(secret: string, value: Uint8Array): void {
    const text = Buffer.from(value).toString('utf8').trimEnd();
    for (const name of this.usersOf(secret)) {
      const { settings } = this.#changeOf(name);
      const variables = Object.entries(settings).filter(([, path]) => path === SECRETS_FOLDER + secret);
      const own = Object.fromEntries(variables.map(([variable]) => [variable.replace(/_FILE$/, ''), text]));
      try {
        withSettings(this.#options.env, { OPENLINEAGE_URL: settings.OPENLINEAGE_URL ?? '', ...own });
      } catch (thrown) {
        if (!(thrown instanceof SluiceError)) throw thrown;
        const problem = `The value of the secret ${secret} is not valid for ${name}: ${thrown.message}`;
        throw new SluiceError('REQUEST_INVALID', problem, { details: { secret, function: name } });
      }
    }
  }

  /** Throws CONFIG_INVALID: stack.yml, .env or the secrets may have changed since the deployment. */
  #checkStored(fn: StackFunction): void {
    const { file } = this.#options;
    try {
      this.checkSettings(fn, this.ownSettings(fn.name));
    } catch (thrown) {
      const text = `${file} has settings of ${fn.name} that are not valid. ${(thrown as Error).message}`;
      throw new SluiceError('CONFIG_INVALID', `${text} Correct them, or delete them from the file.`, {
        cause: thrown,
        details: { file, function: fn.name },
      });
    }
  }

  #withPaths(settings: Record<string, string>): Record<string, string> {
    const path = (value: string) => this.#options.secrets.pathOf(value.slice(SECRETS_FOLDER.length));
    return Object.fromEntries(
      Object.entries(settings).map(([name, value]) => [name, name.endsWith('_FILE') ? path(value) : value]),
    );
  }

  #changeOf(name: string): Change {
    return (Object.hasOwn(this.#changes, name) ? this.#changes[name] : undefined) ?? UNCHANGED;
  }

  #require(name: string): void {
    if (this.find(name) === undefined) throw notDeployed(name);
  }

  /** Writes the file first: a process that is killed before the router is scaled reads it at its next start. */
  #change(name: string, change: Change): void {
    const { [name]: _before, ...others } = this.#changes;
    const isUnchanged = JSON.stringify({ ...UNCHANGED, ...change }) === JSON.stringify(UNCHANGED);
    const changes = isUnchanged ? others : { ...others, [name]: change };
    writeChanges(this.#options.file, changes);
    this.#changes = changes;
    this.#apply(name);
  }

  #apply(name: string): void {
    this.#options.scale(name, this.replicas(name));
  }
}

/** The error about a function that was removed, or that does not exist. */
export function notDeployed(name: string): SluiceError {
  const text = `Function ${JSON.stringify(name)} is not deployed. Deploy a function of stack.yml with faas-cli deploy.`;
  return new SluiceError('FUNCTION_NOT_FOUND', text, { details: { function: name } });
}

function readChanges(file: string): Changes {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return {};
    throw new SluiceError('CONFIG_INVALID', `Could not read ${file}: ${(cause as Error).message}.`, { cause });
  }
  try {
    return FileSchema.parse(JSON.parse(text));
  } catch (cause) {
    throw new SluiceError(
      'CONFIG_INVALID',
      `${file} is invalid. Delete it to run every function of stack.yml with its concurrency and settings.`,
      { cause, details: { file } },
    );
  }
}

/** A replacer of JSON that leaves out empty lists and objects, which older releases do not know. */
function withoutEmpty(key: string, value: unknown): unknown {
  const isEmpty = typeof value === 'object' && value !== null && Object.keys(value).length === 0;
  return isEmpty && key !== '' ? undefined : value;
}

function writeChanges(file: string, changes: Changes): void {
  try {
    writeDurably(file, JSON.stringify(changes, withoutEmpty, 2), { mode: FILE_MODE });
  } catch (cause) {
    const text = `Could not store the change in ${file}: ${reasonOf(cause)}. The function is unchanged.`;
    throw new SluiceError('CONFIG_INVALID', text, { cause, details: { file } });
  }
}
