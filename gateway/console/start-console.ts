import { resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createColors } from 'picocolors';
import { formatError, formatRun } from '#shared/api/format-run.ts';
import { type Env, publicUrl } from '#shared/config/env.ts';
import { adviceFor } from '#shared/errors/codes.ts';
import { asSluiceError } from '#shared/errors/sluice-error.ts';
import type { DatasetDocument } from '#shared/ledger/documents.ts';
import type { Logger } from '#shared/log/log.ts';
import { MAX_TIMER_MS } from '#shared/signals/joined-signal.ts';
import { formatSeconds } from '#shared/text/amounts.ts';
import { LiveLines } from '#shared/text/live-lines.ts';
import { listNames } from '#shared/text/list-names.ts';
import { oldLogin, openUsers } from '../access/credentials.ts';
import { type RunningSluice, startSluice } from '../start-sluice.ts';
import { ingestSample, isFirstStart } from './ingest-sample.ts';
import { SAMPLE_TITLE } from './sample-batch.ts';

/** npm forwards the SIGINT that the terminal has already sent. A signal after this time is a second request. */
const SAME_SIGNAL_MS = 1_500;
const SIGNALS: NodeJS.Signals[] = ['SIGINT', 'SIGTERM', 'SIGHUP'];

/** Output without colors, because it is often written to a file. */
const PLAIN = createColors(false);

export interface ConsoleOptions {
  env: Env;
  log: Logger;
  /** Whether the first start ingests the sample. */
  sample: boolean;
  /** Path of the log file to print. */
  logFile: string;
  /** Path to print of the file with the generated keys of the embedded object store. */
  keysFile: string;
}

interface Console extends ConsoleOptions {
  screen: Screen;
  /** Aborts with the first signal to the process. */
  stop: AbortSignal;
}

/**
 * Starts Sluice, prints its progress, and resolves after a signal. Sets exit code 1 if Sluice cannot start or fails.
 */
export async function startConsole(options: ConsoleOptions): Promise<void> {
  const { env, log, logFile } = options;
  const screen = new Screen();
  const stop = stopOnSignal(screen, log);
  const startedAt = performance.now();
  let ready = false;
  try {
    screen.print('', 'Sluice is starting.');
    const sluice = await startSluice(env, {
      log,
      onProgress: (part, state) =>
        state === 'begins' ? screen.begin(`starting ${part}`) : screen.end(`starting ${part}`, `${part} is running`),
    });
    ready = true;
    try {
      const warning = oldLogin(env, openUsers(env, { home: resolve(env.SLUICE_HOME), log }));
      if (warning !== undefined) screen.print('', warning);
      const seconds = (performance.now() - startedAt) / 1000;
      if (!stop.aborted) await printSummary(sluice, { ...options, screen, stop }, seconds);
      await Promise.race([untilAborted(stop), sluice.broken]);
    } finally {
      screen.stopLive();
      screen.print('', 'Stopping …');
      await sluice.stop();
      screen.print('Stopped.');
    }
  } catch (thrown) {
    screen.stopLive();
    const error = asSluiceError(thrown);
    log.fatal({ error: error.toDocument(), stack: error.stack }, 'Sluice:Run:Failed');
    const advice = error.code === 'SETUP_FAILED' ? [] : [`  ${adviceFor(error.code)}`];
    const failure = ready ? 'Sluice failed.' : 'Sluice cannot start.';
    screen.print('', `${failure} ${error.message}`, ...advice, `  Log file: ${logFile}`, '');
    process.exitCode = 1;
  }
}

/** Prints the address, the run of the sample on the first start, else the datasets, and what a user can do next. */
async function printSummary(sluice: RunningSluice, console: Console, seconds: number): Promise<void> {
  const { env, context, embeddedStore } = sluice;
  const { screen, stop, logFile } = console;
  const hasGeneratedKeys = embeddedStore && console.env.S3_ACCESS_KEY_ID === undefined;
  const keysFile = hasGeneratedKeys ? console.keysFile : undefined;
  screen.print('', `Ready after ${formatSeconds(seconds)}: ${publicUrl(env)}`);
  const firstStart = console.sample && (await isFirstStart(context.ledger));
  if (firstStart) await printSampleRun(sluice, screen, stop);
  if (stop.aborted) return;
  if (!firstStart) screen.print(...datasetLines(await context.ledger.listDatasets()));
  screen.print('', 'Addresses:', ...addressLines(env, { logFile, keysFile }));
  screen.print('', 'To ingest a file:  npx sluice ingest FILE --dataset NAME', 'Press Ctrl-C to stop Sluice.', '');
}

async function printSampleRun(sluice: RunningSluice, screen: Screen, stop: AbortSignal): Promise<void> {
  const title = `First start: ingesting the sample, ${SAMPLE_TITLE} (gateway/console/sample/countries.zip).`;
  screen.print('', title, '');
  screen.begin('ingesting');
  try {
    const view = await ingestSample(sluice, stop);
    screen.stopLive();
    screen.print(
      ...indent(formatRun(view, PLAIN, { steps: true })),
      ...(view.error ? indent(formatError(view.error, PLAIN, view)) : []),
    );
  } catch (thrown) {
    screen.stopLive();
    if (stop.aborted) return;
    const error = formatError(asSluiceError(thrown).toDocument(), PLAIN);
    screen.print('  Could not ingest the sample.', ...indent(error));
  }
}

function indent(text: string): string[] {
  return text.split('\n').map((line) => (line === '' ? '' : `  ${line}`));
}

/** Aborts with the first signal. A second signal exits immediately, because the stop may hang. */
function stopOnSignal(screen: Screen, log: Logger): AbortSignal {
  const stop = new AbortController();
  let firstAt = 0;
  for (const name of SIGNALS) {
    process.on(name, () => {
      if (stop.signal.aborted && Date.now() - firstAt > SAME_SIGNAL_MS) process.exit(1);
      if (stop.signal.aborted) return;
      firstAt = Date.now();
      log.info({ signal: name }, 'Sluice:Stop:Requested');
      stop.abort();
      screen.stopLive();
    });
  }
  return stop.signal;
}

/** Keeps the process alive with a timer, because nothing else needs to. */
async function untilAborted(signal: AbortSignal): Promise<void> {
  while (!signal.aborted) await sleep(MAX_TIMER_MS, undefined, { signal }).catch(() => undefined);
}

/** Limit, so that the addresses below stay on the screen. */
const MAX_DATASETS = 5;

/** The addresses of the running Sluice. Names the file of the generated keys, but does not show the keys. */
export function addressLines(env: Env, options: { keysFile?: string | undefined; logFile?: string }): string[] {
  const url = publicUrl(env);
  const keys = options.keysFile === undefined ? '' : `; keys in ${options.keysFile}`;
  const addresses = [
    ['Dashboard', `${url}/ui/`],
    ['Gateway', `${url}/healthz`],
    ['Runs', `${url}/api/runs`],
    ['Assets', `${url}/api/assets`],
    ['Landing zone', `${env.S3_ENDPOINT} bucket ${env.LANDING_BUCKET} (S3${keys})`],
    ...(options.logFile === undefined ? [] : [['Log', options.logFile]]),
  ];
  return addresses.map(([name = '', address = '']) => `  ${name.padEnd(13)} ${address}`);
}

/** The newest datasets that have an asset, and the number of the others. */
export function datasetLines(datasets: DatasetDocument[]): string[] {
  const filled = datasets.filter((dataset) => dataset.latest_version > 0);
  if (filled.length === 0) return [];
  const names = filled.map((dataset) => `${dataset.dataset_id} (version ${dataset.latest_version})`);
  return [`Datasets: ${listNames(names, MAX_DATASETS)}`];
}

/** The output of `npm start`: permanent lines, and on a terminal one live line below them for the work in progress. */
export class Screen {
  #out: NodeJS.WriteStream;
  #startedAt = new Map<string, number>();
  #live: LiveLines;

  constructor(out: NodeJS.WriteStream = process.stdout) {
    this.#out = out;
    this.#live = new LiveLines(out, () => [this.#liveLine()]);
    // The reader can close its end (a closed terminal, `| head`); without a listener, that would end the process.
    out.on('error', () => undefined);
  }

  /** Writes lines above the live line. They are not replaced later. */
  print(...lines: string[]): void {
    this.#live.clear();
    this.#out.write(lines.map((line) => `${line}\n`).join(''));
    this.#live.draw();
  }

  /** Adds work to the live line. */
  begin(work: string): void {
    this.#startedAt.set(work, performance.now());
    if (this.#out.isTTY) this.#live.start();
    this.#live.draw();
  }

  /** Removes work from the live line, and writes `result` with the time that the work took. */
  end(work: string, result: string): void {
    const seconds = (performance.now() - (this.#startedAt.get(work) ?? performance.now())) / 1000;
    this.#startedAt.delete(work);
    if (this.#startedAt.size === 0) this.stopLive();
    this.print(`  ${result} (${formatSeconds(seconds)})`);
  }

  /** Removes the line that is redrawn. */
  stopLive(): void {
    this.#live.clear();
    this.#live.stop();
    this.#startedAt.clear();
  }

  #liveLine(): string {
    const seconds = (startedAt: number) => Math.floor((performance.now() - startedAt) / 1000);
    return `  ${[...this.#startedAt].map(([work, startedAt]) => `${work} … ${seconds(startedAt)} s`).join('   ')}`;
  }
}
