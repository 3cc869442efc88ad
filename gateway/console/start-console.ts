import { setTimeout as wait } from 'node:timers/promises';
import { createColors } from 'picocolors';
import { type Env, isLoopbackOnly, publicUrl } from '#shared/config/env.ts';
import { adviceFor } from '#shared/errors/advice.ts';
import { asSluiceError } from '#shared/errors/sluice-error.ts';
import type { Logger } from '#shared/log/log.ts';
import { formatSeconds } from '#shared/text/amounts.ts';
import { describeError, describeRun } from '#shared/api/describe-run.ts';
import { lakeLines, placesLines } from './startup-summary.ts';
import { ingestSample, isFirstStart } from './sample/ingest-sample.ts';
import { Screen } from './screen.ts';
import { type RunningSluice, startSluice } from '../start.ts';

/** npm passes on the Ctrl-C that the terminal has sent already; only a later one means impatience. */
const SAME_SIGNAL_MS = 1_500;
const SIGNALS: NodeJS.Signals[] = ['SIGINT', 'SIGTERM', 'SIGHUP'];

const OPEN_TO_THE_NETWORK = [
  'WARNING: the gateway listens beyond this machine (HOST), and it has no login: whoever reaches it can upload, rerun and cancel.',
  'Put it behind a proxy with a login, and set PUBLIC_URL to the address that people use, so that links work.',
];

export interface RunOptions {
  env: Env;
  log: Logger;
  /** Ingest the sample on the first start. */
  sample: boolean;
  /** Name of the log file to show. */
  logFile: string;
}

/** Starts Sluice, says what happens, and stays until a signal ends it. Exit code 1 when it cannot start or breaks down. */
export async function run({ env, log, sample, logFile }: RunOptions): Promise<void> {
  const screen = new Screen();
  const stop = signalled(screen, log);
  const began = performance.now();
  try {
    screen.say('', 'Sluice is starting.');
    const sluice = await startSluice(env, {
      log,
      onProgress: (part, state) =>
        state === 'begins' ? screen.begin(`starting ${part}`) : screen.end(`starting ${part}`, `${part} is running`),
    });
    try {
      if (!stop.aborted) await introduce(sluice, { screen, sample, logFile, began, signal: stop });
      await Promise.race([aborted(stop), sluice.broken]);
    } finally {
      screen.stopLive();
      screen.say('', 'Stopping …');
      await sluice.stop();
      screen.say('Stopped.');
    }
  } catch (thrown) {
    screen.stopLive();
    const error = asSluiceError(thrown);
    log.fatal({ error: error.toDocument(), stack: error.stack }, 'Sluice:Run:Failed');
    screen.say(
      '',
      `Sluice cannot run. ${error.message}`,
      ...(error.code === 'SETUP_FAILED' ? [] : [`  ${adviceFor(error.code)}`]),
      `  The log is in ${logFile}.`,
      '',
    );
    process.exitCode = 1;
  }
}

async function introduce(
  sluice: RunningSluice,
  {
    screen,
    sample,
    logFile,
    began,
    signal,
  }: { screen: Screen; sample: boolean; logFile: string; began: number; signal: AbortSignal },
): Promise<void> {
  const { env: actual, context } = sluice;
  screen.say('', `Ready after ${formatSeconds((performance.now() - began) / 1000)}: ${publicUrl(actual)}`);
  if (!isLoopbackOnly(actual)) screen.say('', ...OPEN_TO_THE_NETWORK);
  const first = sample && (await isFirstStart(context.ledger));
  if (first) await showSample(sluice, screen, signal);
  if (signal.aborted) return;
  if (!first) screen.say(...lakeLines(await context.ledger.listDatasets()));
  screen.say('', 'Where to look:', ...placesLines(actual, { logFile, ownStore: sluice.ownStore }));
  screen.say('', 'Ingest a file of yours:  npx sluice ingest FILE --dataset NAME', 'Ctrl-C stops everything.', '');
}

async function showSample(sluice: RunningSluice, screen: Screen, signal: AbortSignal): Promise<void> {
  screen.say(
    '',
    'First start: ingesting the sample, the countries of the world (gateway/console/sample/countries.zip).',
    '',
  );
  screen.begin('ingesting');
  try {
    const view = await ingestSample(sluice, signal);
    screen.stopLive();
    screen.say(
      ...indented(describeRun(view, PLAIN, { steps: true })),
      ...(view.error ? indented(describeError(view.error, PLAIN, view)) : []),
    );
  } catch (thrown) {
    screen.stopLive();
    if (!signal.aborted)
      screen.say(
        '  The sample could not be ingested.',
        ...indented(describeError(asSluiceError(thrown).toDocument(), PLAIN)),
      );
  }
}

/** What `npm start` prints is often kept in a file. */
const PLAIN = createColors(false);

function indented(text: string): string[] {
  return text.split('\n').map((line) => (line === '' ? '' : `  ${line}`));
}

/** Aborts with the first signal. A second one a moment later ends the process at once; its servers end with it. */
function signalled(screen: Screen, log: Logger): AbortSignal {
  const stop = new AbortController();
  let first = 0;
  for (const name of SIGNALS) {
    process.on(name, () => {
      if (stop.signal.aborted && Date.now() - first > SAME_SIGNAL_MS) process.exit(1); // What is stopping may hang: that is why the person asks again.
      if (stop.signal.aborted) return;
      first = Date.now();
      log.info({ signal: name }, 'Sluice:Stop:Asked');
      stop.abort();
      screen.stopLive();
    });
  }
  return stop.signal;
}

/** Node's longest timer. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

async function aborted(signal: AbortSignal): Promise<void> {
  // A timer keeps the process alive while it waits; there is nothing else that must. It ends after 24.8 days, so it is set again.
  while (!signal.aborted) await wait(LONGEST_TIMER_MS, undefined, { signal }).catch(() => undefined);
}
