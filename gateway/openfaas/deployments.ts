import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { z } from 'zod';
import type { Env } from '#shared/config/env.ts';
import { concurrencyOf, type Stack, type StackFunction } from '#shared/config/stack.ts';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { reasonOf } from '#shared/text/error-reason.ts';

/** What an operator changed about a function: nothing by default. */
const ChangeSchema = z.strictObject({
  removed: z.boolean().default(false),
  /** Calls that may run at the same time. By default as in stack.yml. */
  replicas: z.number().int().min(0).optional(),
});
const FileSchema = z.record(z.string(), ChangeSchema);
type Changes = z.infer<typeof FileSchema>;

export interface DeploymentsOptions {
  /** Keeps the changes over a restart. */
  file: string;
  stack: Pick<Stack, 'find' | 'functions'>;
  env: Pick<Env, 'CORES'>;
  /** Sets how many calls of a function the router runs at the same time. Events wait while it is 0. */
  scale: (functionName: string, calls: number) => void;
}

/**
 * Which functions of stack.yml this machine runs, and how many calls of each at the same time. A replica is a slot for
 * a call. A function that was removed, or scaled to 0, receives nothing; its events wait in the queue.
 */
export class Deployments {
  readonly #options: DeploymentsOptions;
  #changes: Changes;

  /** Reads the file, and applies its changes to the router. Throws CONFIG_INVALID. */
  constructor(options: DeploymentsOptions) {
    this.#options = options;
    this.#changes = readChanges(options.file);
    for (const { name } of options.stack.functions) if (Object.hasOwn(this.#changes, name)) this.#apply(name);
  }

  /** The functions that were not removed. */
  get functions(): StackFunction[] {
    return this.#options.stack.functions.filter(({ name }) => !this.#isRemoved(name));
  }

  /** The function with this name. Undefined if stack.yml does not contain it, or if it was removed. */
  find(name: string): StackFunction | undefined {
    return this.#isRemoved(name) ? undefined : this.#options.stack.find(name);
  }

  /** Calls of a function that may run at the same time; 0 when it was removed. */
  replicas(name: string): number {
    if (this.find(name) === undefined) return 0;
    const changed = Object.hasOwn(this.#changes, name) ? this.#changes[name]?.replicas : undefined;
    return Math.min(changed ?? Infinity, this.maxReplicas(name)); // stack.yml may have changed since.
  }

  /** The largest number of replicas: the concurrency that stack.yml declares. */
  maxReplicas(name: string): number {
    const fn = this.#options.stack.find(name);
    return fn === undefined ? 0 : concurrencyOf(fn, this.#options.env).all;
  }

  /** Changes the number of replicas, and stores it. Throws FUNCTION_NOT_FOUND, REQUEST_INVALID. */
  scale(name: string, replicas: number): void {
    this.checkScale(name, replicas);
    const max = this.maxReplicas(name);
    this.#change(name, replicas === max ? undefined : { removed: false, replicas });
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
    this.#change(name, { ...this.#changes[name], removed: true });
  }

  /** Enables a function of stack.yml with its concurrency of stack.yml. */
  deploy(name: string): void {
    this.#change(name, undefined);
  }

  #isRemoved(name: string): boolean {
    return Object.hasOwn(this.#changes, name) && this.#changes[name]?.removed === true;
  }

  #require(name: string): void {
    if (this.find(name) === undefined) throw notDeployed(name);
  }

  /** Writes the file first: a process that is killed before the router is scaled reads it at its next start. */
  #change(name: string, change: Changes[string] | undefined): void {
    const { [name]: _before, ...others } = this.#changes;
    const changes = change === undefined ? others : { ...others, [name]: change };
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
      `${file} is invalid. Delete it to run every function of stack.yml with its concurrency.`,
      { cause, details: { file } },
    );
  }
}

function writeChanges(file: string, changes: Changes): void {
  const unfinished = `${file}.new`;
  try {
    writeFileSync(unfinished, JSON.stringify(changes, null, 2));
    syncToDisk(unfinished);
    renameSync(unfinished, file);
    syncToDisk(dirname(file));
  } catch (cause) {
    const text = `Could not store the change in ${file}: ${reasonOf(cause)}. The function is unchanged.`;
    throw new SluiceError('CONFIG_INVALID', text, { cause, details: { file } });
  }
}

function syncToDisk(path: string): void {
  const opened = openSync(path, 'r');
  fsyncSync(opened);
  closeSync(opened);
}
