import { readFile } from 'node:fs/promises';
import { CronExpression, CronExpressionParser } from 'cron-parser';
import { parse } from 'yaml';
import { z } from 'zod';
import type { Env } from '#shared/config/env.ts';
import { SluiceError } from '#shared/errors/sluice-error.ts';

/**
 * stack.yml, as faas-cli reads it, and what Sluice reads from its annotations: who receives which event (`topic`), how many
 * run at once (`sluice.concurrency`), who receives dead letters (`sluice.dead-letter-sink`), and when (`schedule`).
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
  /** Cron expression of a function whose topic is `cron-function`. */
  schedule: string | undefined;
}

/** Topic of functions that a clock calls, as OpenFaaS's cron-connector names it. */
export const CRON_TOPIC = 'cron-function';
const DEFAULT_CONCURRENCY = 4;
/** A DNS label, as OpenFaaS and Kubernetes want it; so a name is also safe in a path and as the name of a queue. */
export const FUNCTION_NAME = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;

const Texts = z.record(z.string(), z.coerce.string()).default({});

const FunctionSchema = z.object({
  lang: z.string().default(''),
  handler: z.string().default(''),
  image: z.string().default(''),
  fprocess: z.string().default(''),
  environment: Texts,
  labels: Texts,
  annotations: Texts,
  secrets: z.array(z.string()).default([]),
  constraints: z.array(z.string()).default([]),
  limits: Texts,
  requests: Texts,
});

const StackSchema = z.object({
  functions: z.record(z.string().regex(FUNCTION_NAME, 'must be a DNS label'), FunctionSchema),
});

const ConcurrencySchema = z.union([z.literal('cores'), z.coerce.number().int().min(1).max(1000)]);

/** Reads and checks a stack file. Throws CONFIG_INVALID that names the field. */
export async function readStack(path: string | URL, variables: NodeJS.ProcessEnv = process.env): Promise<Stack> {
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw new SluiceError('CONFIG_INVALID', `${String(path)} cannot be read.`, { cause });
  });
  return parseStack(text, variables);
}

/** The same, from text. */
export function parseStack(text: string, variables: NodeJS.ProcessEnv = {}): Stack {
  const result = StackSchema.safeParse(parseYaml(expandVariables(text, variables)));
  if (!result.success) throw invalid(z.prettifyError(result.error));
  const functions = Object.entries(result.data.functions).map(([name, spec]) => withAnnotations(name, spec));
  const sinks = functions.filter((fn) => fn.annotations['sluice.dead-letter-sink'] === 'true');
  if (sinks.length > 1)
    throw invalid(`sluice.dead-letter-sink: ${sinks.map((fn) => fn.name).join(' and ')} have it; one function may.`);
  return {
    functions,
    deadLetterSink: sinks[0]?.name,
    subscribers: (eventType) => functions.filter((fn) => fn.topics.includes(eventType)).map((fn) => fn.name),
    find: (name) => functions.find((fn) => fn.name === name),
  };
}

/** How many of a function run at once. */
export function concurrencyOf(fn: StackFunction, env: Pick<Env, 'CORES'>): number {
  return fn.concurrency === 'cores' ? env.CORES : fn.concurrency;
}

/** `${NAME}` and `${NAME:-default}` as faas-cli expands them over the whole file; an empty variable takes the default, an unset one without default is empty. */
export function expandVariables(text: string, variables: NodeJS.ProcessEnv): string {
  return text.replaceAll(
    /\$\{([A-Za-z_]\w*)(?::-([^}]*))?\}/g,
    (_match, name: string, fallback: string | undefined) => variables[name] || (fallback ?? ''),
  );
}

function parseYaml(text: string): unknown {
  try {
    return parse(text);
  } catch (cause) {
    throw invalid(cause instanceof Error ? cause.message : String(cause));
  }
}

function withAnnotations(name: string, spec: z.infer<typeof FunctionSchema>): StackFunction {
  const { topic, schedule } = spec.annotations;
  const topics = (topic ?? '')
    .split(',')
    .map((part) => part.trim())
    .filter(Boolean);
  const concurrency = ConcurrencySchema.safeParse(spec.annotations['sluice.concurrency'] ?? DEFAULT_CONCURRENCY);
  if (!concurrency.success)
    throw invalid(`functions.${name}.annotations.sluice.concurrency: must be "cores" or a number from 1 to 1000.`);
  if (topics.includes(CRON_TOPIC) && !schedule)
    throw invalid(`functions.${name}.annotations.schedule: is missing; its topic is ${CRON_TOPIC}.`);
  if (topics.includes(CRON_TOPIC) && !isSchedule(schedule))
    throw invalid(`functions.${name}.annotations.schedule: ${JSON.stringify(schedule)} is not a cron expression.`);
  return { ...spec, name, topics, concurrency: concurrency.data, schedule };
}

function isSchedule(schedule: string | undefined): boolean {
  try {
    return CronExpressionParser.parse(schedule ?? '') instanceof CronExpression;
  } catch {
    return false;
  }
}

function invalid(message: string): SluiceError {
  return new SluiceError('CONFIG_INVALID', `stack.yml is wrong: ${message}`);
}
