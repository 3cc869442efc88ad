import { readFile } from 'node:fs/promises';
import { CronExpression, CronExpressionParser } from 'cron-parser';
import { parse } from 'yaml';
import { z } from 'zod';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import type { Env } from './env.ts';

/**
 * stack.yml: the functions as faas-cli reads them, and the annotations that Sluice reads.
 *
 * | annotation | meaning |
 * |---|---|
 * | `topic` | comma-separated event types that the function receives, or `cron-function` |
 * | `schedule` | cron expression of a function with the topic `cron-function` |
 * | `sluice.concurrency` | how many calls run at the same time: a number, or `cores`; default 4 |
 * | `sluice.small-concurrency` | how many more calls run for inputs up to SMALL_INPUT_BYTES; default 0 |
 * | `sluice.needs` | comma-separated ports that the function uses (PORTS); default all |
 * | `sluice.dead-letter-sink` | `true` for the one function that receives every dead letter |
 */
export interface Stack {
  functions: StackFunction[];
  /** The function that receives every dead letter. */
  deadLetterSink: string | undefined;
  /** Names of the functions that receive events of a type. */
  subscribers(eventType: string): string[];
  find(name: string): StackFunction | undefined;
}

export interface StackFunction extends z.infer<typeof FunctionSchema> {
  name: string;
  /** Event types that it receives. */
  topics: string[];
  concurrency: number | 'cores';
  /** Additional calls for small inputs. With 0, small inputs have no slots of their own. */
  smallConcurrency: number | 'cores';
  /** Ports of the context that it uses; only these are opened and checked. */
  needs: readonly PortName[];
  /** Cron expression of a function whose topic is `cron-function`. */
  schedule: string | undefined;
}

/** The stack.yml of this installation. It is missing in a container image that holds one function. */
export const STACK_FILE = new URL('../../stack.yml', import.meta.url);

/** The ports of a function's context that have a server or program behind them. */
export const PORTS = ['ledger', 'objects', 'postgis', 'gdal'] as const;
export type PortName = (typeof PORTS)[number];

/** Topic of functions that are called by a timer, as OpenFaaS's cron-connector names it. */
export const CRON_TOPIC = 'cron-function';
const DEFAULT_CONCURRENCY = 4;
/** A DNS label, as OpenFaaS and Kubernetes require. Such a name is also safe in a path and as the name of a queue. */
export const FUNCTION_NAME = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;

const Texts = z.record(z.string(), z.coerce.string()).default({});
/** Kubernetes quantities, such as 512Mi and 1000m. */
const Resources = z
  .strictObject({
    memory: z.string().regex(/^\d+([KMGT]i?)?$/, 'must be a quantity such as 512Mi'),
    cpu: z.string().regex(/^\d+(\.\d+)?m?$/, 'must be a quantity such as 1000m'),
  })
  .partial()
  .default({});

/** All fields of faas-cli, so that misspelled ones are rejected. */
const FunctionSchema = z.strictObject({
  lang: z.string().default(''),
  handler: z.string().default(''),
  image: z.string().default(''),
  fprocess: z.string().default(''),
  build_args: Texts,
  environment: Texts,
  labels: Texts,
  annotations: Texts,
  secrets: z.array(z.string().regex(FUNCTION_NAME, 'must be a DNS label')).default([]),
  constraints: z.array(z.string()).default([]),
  limits: Resources,
  requests: Resources,
  readonly_root_filesystem: z.boolean().default(false),
  namespace: z.string().optional(),
  environment_file: z.array(z.string()).optional(),
  build_options: z.array(z.string()).optional(),
  build_secrets: Texts.optional(),
  platforms: z.string().optional(),
  skip_build: z.boolean().optional(),
});

const StackSchema = z.object({
  functions: z.record(z.string().regex(FUNCTION_NAME, 'must be a DNS label'), FunctionSchema),
});

const ConcurrencySchema = z.union([z.literal('cores'), z.coerce.number().int().min(1).max(1000)]);
const SmallConcurrencySchema = z.union([z.literal('cores'), z.coerce.number().int().min(0).max(1000)]);

/** Reads and checks a stack file. Throws CONFIG_INVALID that names the invalid field. */
export async function readStack(
  path: string | URL = STACK_FILE,
  variables: NodeJS.ProcessEnv = process.env,
): Promise<Stack> {
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw new SluiceError('CONFIG_INVALID', `Could not read ${String(path)}.`, { cause });
  });
  return parseStack(text, variables);
}

/** Reads the stack like readStack. Undefined if the file does not exist. */
export async function readStackIfPresent(path: string | URL = STACK_FILE): Promise<Stack | undefined> {
  try {
    return await readStack(path);
  } catch (thrown) {
    const cause = thrown instanceof SluiceError ? (thrown.cause as NodeJS.ErrnoException | undefined) : undefined;
    if (cause?.code === 'ENOENT') return undefined;
    throw thrown;
  }
}

/** Parses the text of a stack file, like readStack. */
export function parseStack(text: string, variables: NodeJS.ProcessEnv = {}): Stack {
  const result = StackSchema.safeParse(parseYaml(expandVariables(text, variables)));
  if (!result.success) throw invalid(z.prettifyError(result.error));
  const functions = Object.entries(result.data.functions).map(([name, spec]) => parseFunction(name, spec));
  const sinks = functions.filter((fn) => fn.annotations['sluice.dead-letter-sink'] === 'true').map(({ name }) => name);
  if (sinks.length > 1)
    throw invalid(`sluice.dead-letter-sink is set for ${sinks.join(' and ')}, but only one function may have it`);
  return {
    functions,
    deadLetterSink: sinks[0],
    subscribers: (eventType) => functions.filter((fn) => fn.topics.includes(eventType)).map((fn) => fn.name),
    find: (name) => functions.find((fn) => fn.name === name),
  };
}

/** How many calls of a function run at the same time, and how many more with small inputs. */
export function concurrencyOf(fn: StackFunction, { CORES }: Pick<Env, 'CORES'>): { all: number; small: number } {
  const { concurrency, smallConcurrency } = fn;
  return {
    all: concurrency === 'cores' ? CORES : concurrency,
    small: smallConcurrency === 'cores' ? CORES : smallConcurrency,
  };
}

/**
 * Expands `${NAME}` and `${NAME:-default}` in the whole file, as faas-cli does: an empty variable has the default, an
 * unset variable without default is empty.
 */
export function expandVariables(text: string, variables: NodeJS.ProcessEnv): string {
  return text.replaceAll(
    /\$\{([A-Za-z_]\w*)(?::-([^}]*))?\}/g,
    (_match, name: string, fallback: string | undefined) => variables[name] || (fallback ?? ''),
  );
}

function parseYaml(text: string): unknown {
  try {
    return parse(text, { merge: true }); // `<<`, which faas-cli reads, too.
  } catch (cause) {
    throw invalid(cause instanceof Error ? cause.message : String(cause));
  }
}

function parseFunction(name: string, spec: z.infer<typeof FunctionSchema>): StackFunction {
  const { annotations } = spec;
  const wrong = (annotation: string, reason: string) =>
    invalid(`functions.${name}.annotations.${annotation} ${reason}`);
  const concurrency = ConcurrencySchema.safeParse(annotations['sluice.concurrency'] ?? DEFAULT_CONCURRENCY);
  if (!concurrency.success) throw wrong('sluice.concurrency', 'must be "cores" or a number from 1 to 1000');
  const small = SmallConcurrencySchema.safeParse(annotations['sluice.small-concurrency'] ?? 0);
  if (!small.success) throw wrong('sluice.small-concurrency', 'must be "cores" or a number from 0 to 1000');

  const needs = annotations['sluice.needs'] === undefined ? PORTS : listOf(annotations['sluice.needs']);
  if (!needs.every(isPort)) throw wrong('sluice.needs', `must list ports out of ${PORTS.join(', ')}`);
  if (needs.includes('postgis') && !needs.includes('ledger'))
    throw wrong('sluice.needs', 'lists postgis without ledger, but every PostGIS session checks its run in the ledger');

  const topics = listOf(annotations.topic ?? '');
  const { schedule } = annotations;
  if (topics.includes(CRON_TOPIC)) {
    if (!schedule) throw wrong('schedule', `is missing, but the topic is ${CRON_TOPIC}`);
    if (!isCronExpression(schedule)) throw wrong('schedule', `is ${JSON.stringify(schedule)}, not a cron expression`);
  }
  return { ...spec, name, topics, concurrency: concurrency.data, smallConcurrency: small.data, needs, schedule };
}

function listOf(text: string): string[] {
  return text
    .split(',')
    .map((item) => item.trim())
    .filter(Boolean);
}

function isPort(name: string): name is PortName {
  return (PORTS as readonly string[]).includes(name);
}

function isCronExpression(schedule: string): boolean {
  try {
    return CronExpressionParser.parse(schedule) instanceof CronExpression;
  } catch {
    return false;
  }
}

function invalid(message: string): SluiceError {
  return new SluiceError('CONFIG_INVALID', `stack.yml is invalid: ${message}.`);
}
