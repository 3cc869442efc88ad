import { readdirSync, readFileSync } from 'node:fs';
import { LANE_STEPS } from '#shared/contracts/lanes.ts';
import { ENV_SCHEMA } from '#shared/config/env.ts';
import { ERROR_CODES } from '#shared/errors/codes.ts';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { CRON_TOPIC, parseStack, STACK_FILE, type StackFunction } from '#shared/config/stack.ts';
import { type CodeFacts, readCodeFacts } from './call-graph.ts';
import { exampleEvent } from './example-events.ts';
import type { GeneratedFile } from './generated-file.ts';

const ROOT = new URL('../../', import.meta.url);
const BEGIN = '<!-- Facts: generated from stack.yml and the code by `npm run generate`. Do not edit. -->';
const END = '<!-- End of the facts. -->';
const CALL_BEGIN = '<!-- Call: generated from stack.yml by `npm run generate`. Do not edit. -->';
const CALL_END = '<!-- End of the call. -->';
/** Every function that parses its event can raise these. */
const RAISED_BY_ALL = new Set(['EVENT_INVALID', 'INTERNAL']);

const stack = parseStack(readFileSync(STACK_FILE, 'utf8'));
let facts: CodeFacts[] | undefined;

/**
 * The table of facts and the example call in functions/NAME/README.md. The text outside of the marker comments is
 * written by hand.
 */
export const functionReadmes: readonly GeneratedFile[] = readdirSync(new URL('functions/', ROOT))
  .sort()
  .map((name, index, names) => ({
    path: `functions/${name}/README.md`,
    content: () => {
      facts ??= readCodeFacts(names.map((each) => `functions/${each}/handler.ts`));
      const readme = readFileSync(new URL(`functions/${name}/README.md`, ROOT), 'utf8');
      const fn = stack.find(name);
      return replaceCall(replaceFacts(readme, factsTable(name, fn, facts[index])), exampleCall(name, fn));
    },
  }));

/** Replaces the text between the markers; without markers, inserts it after the first paragraph. */
export function replaceFacts(readme: string, table: string): string {
  const block = `${BEGIN}\n\n${table}\n\n${END}`;
  const [begin, end] = [readme.indexOf(BEGIN), readme.indexOf(END)];
  if (begin >= 0 && end > begin) return readme.slice(0, begin) + block + readme.slice(end + END.length);
  const [title = '', summary = '', ...rest] = readme.split('\n\n');
  return [title, summary.trimEnd(), block, ...rest].join('\n\n');
}

/** As replaceFacts, for the section about a call; without markers, appends it. */
export function replaceCall(readme: string, section: string): string {
  const block = `${CALL_BEGIN}\n\n${section}\n\n${CALL_END}`;
  const [begin, end] = [readme.indexOf(CALL_BEGIN), readme.indexOf(CALL_END)];
  if (begin >= 0 && end > begin) return readme.slice(0, begin) + block + readme.slice(end + CALL_END.length);
  return `${readme.trimEnd()}\n\n${block}\n`;
}

function exampleCall(name: string, fn: StackFunction | undefined): string {
  if (fn === undefined) throw undeclared(name);
  return `## Call by hand

\`\`\`sh
npx sluice event ${name} RUN |
  faas-cli invoke ${name} --async --content-type application/cloudevents+json
\`\`\`

\`sluice event\` prints the event for a run. The function also accepts one that is written by hand:

\`\`\`json
${JSON.stringify(exampleEvent(fn), undefined, 2)}
\`\`\`

With \`--async\`, an event that the function returns is published. Without it, \`faas-cli\` prints the event
([docs/operations.md](../../docs/operations.md#functions-with-faas-cli)).`;
}

function undeclared(name: string): SluiceError {
  return new SluiceError('CONFIG_INVALID', `stack.yml does not declare the function ${name}.`);
}

function factsTable(name: string, fn: StackFunction | undefined, code: CodeFacts | undefined): string {
  if (fn === undefined || code === undefined) throw undeclared(name);
  const rows = [
    ['Receives', receivedBy(fn)],
    [fn.topics.includes(CRON_TOPIC) ? 'Publishes' : 'Returns', listOf(eventsOf(code)) || 'nothing'],
    ['Step of the lanes', listOf(lanesOf(name))],
    ['Retries', `at most ${defaultOf('RETRY_LIMIT')}, after transient errors (\`RETRY_LIMIT\`)`],
    ['Concurrency', concurrencyText(fn)],
    ['Template', `\`${fn.lang}\``],
    ['Uses', usedBy(name, code).join(', ')],
    ['[Error codes](../../docs/errors.md)', listOf(errorsOf(code))],
  ];
  const shown = rows.filter(([, value]) => value !== '').map(([label, value]) => `| ${label} | ${value} |`);
  return ['| | |', '|---|---|', ...shown].join('\n');
}

function concurrencyText({ concurrency, smallConcurrency }: StackFunction): string {
  const text = (calls: number | 'cores') => (calls === 'cores' ? 'number of cores (`CORES`)' : String(calls));
  if (smallConcurrency === 0) return text(concurrency);
  const small = smallConcurrency === concurrency ? 'as many' : text(smallConcurrency);
  return `${text(concurrency)}, and ${small} for small inputs (\`SMALL_INPUT_BYTES\`)`;
}

function receivedBy({ topics, schedule, annotations }: StackFunction): string {
  if (annotations['sluice.dead-letter-sink'] === 'true') return 'every dead letter';
  return topics.includes(CRON_TOPIC) ? `a timer event, at \`${schedule}\`` : listOf(topics);
}

function eventsOf({ events }: CodeFacts): string[] {
  return [...events].map((type) => type.replace('*', 'LANE')).sort();
}

function lanesOf(name: string): string[] {
  return Object.entries(LANE_STEPS).flatMap(([lane, steps]) =>
    (steps as readonly string[]).includes(name) ? [lane] : [],
  );
}

function usedBy(name: string, { ports, files }: CodeFacts): string[] {
  const uses = {
    ledger: ports.has('ledger') || lanesOf(name).length > 0, // Steps of a lane are claimed in the ledger.
    'object store': ports.has('objects'),
    PostGIS: ports.has('postgis'),
    GDAL: ports.has('gdal'),
    DuckDB: files.has('shared/databases/locked-duckdb.ts'),
  };
  return Object.entries(uses).flatMap(([name, used]) => (used ? [name] : []));
}

/** Omits the errors of claims, limits and unavailable servers: every function can raise them. */
function errorsOf({ literals }: CodeFacts): string[] {
  return Object.keys(ERROR_CODES).filter((code) => literals.has(code) && !RAISED_BY_ALL.has(code));
}

function listOf(names: string[]): string {
  return names.map((name) => `\`${name}\``).join(', ');
}

function defaultOf(variable: 'RETRY_LIMIT'): number {
  return ENV_SCHEMA.shape[variable].parse(undefined);
}
