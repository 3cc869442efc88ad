// @ts-check
import { spawn } from 'node:child_process';
import { stripVTControlCharacters } from 'node:util';

/** Without a terminal, a line is printed at this interval. */
const STILL_RUNNING_MS = 15_000;
/** On a terminal, the line is redrawn at this interval. */
const REDRAW_MS = 200;
/** Lines of output that are shown for a failed program. */
const SHOWN_LINES = 15;

/**
 * Runs a program and shows its progress: one live line on a terminal, otherwise a line at intervals. Does not use
 * shared/text/live-lines.ts, because setup runs before any package is installed.
 *
 * @param {string} title The work in progress, such as `Installing GDAL`.
 * @param {import('./system-packages.mjs').Command} command
 * @param {{ cwd?: string, failed?: string }} [options] `failed`: the result that is shown when the program fails.
 * @returns {Promise<{ ok: boolean, output: string }>}
 */
export function runWithProgress(title, { command, args }, { cwd, failed = 'failed' } = {}) {
  const started = Date.now();
  const seconds = () => Math.round((Date.now() - started) / 1000);
  const line = liveLine(title, seconds);
  let output = '';
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'] });
    const onOutput = (/** @type {Buffer} */ chunk) => {
      output += chunk.toString();
      line.detail(lastLine(output));
    };
    child.stdout.on('data', onOutput);
    child.stderr.on('data', onOutput);
    const end = (/** @type {boolean} */ ok) => {
      line.end(ok ? `${title}: done (${seconds()} s)` : `${title}: ${failed}`);
      resolve({ ok, output });
    };
    child.on('error', (error) => {
      output += error.message;
      end(false);
    });
    child.on('close', (code) => end(code === 0));
  });
}

/**
 * The lines of a program's output that describe its failure: the first errors of npm, which are followed by a page of
 * usage, or the last lines.
 *
 * @param {string} output
 */
export function failureLines(output) {
  const lines = output.trim().split('\n');
  const errors = lines.filter((line) => /^npm error ./.test(line)).slice(0, SHOWN_LINES);
  return (errors.length > 0 ? errors : lines.slice(-SHOWN_LINES)).map((line) => `    ${line}`).join('\n');
}

/** @param {string} title @param {() => number} seconds */
function liveLine(title, seconds) {
  const isTerminal = process.stdout.isTTY === true;
  let detail = '';
  const draw = () => {
    const text = `  ${title} … ${seconds()} s  ${detail}`;
    process.stdout.write(`\r\x1b[2K${text.slice(0, (process.stdout.columns || 80) - 1)}`);
  };
  if (!isTerminal) console.log(`  ${title} …`);
  const timer = setInterval(
    () => (isTerminal ? draw() : console.log(`  ${title}: still running (${seconds()} s)`)),
    isTerminal ? REDRAW_MS : STILL_RUNNING_MS,
  );
  return {
    detail: (/** @type {string} */ text) => {
      detail = text;
    },
    end: (/** @type {string} */ text) => {
      clearInterval(timer);
      if (isTerminal) process.stdout.write('\r\x1b[2K');
      console.log(`  ${text}`);
    },
  };
}

/** @param {string} text */
function lastLine(text) {
  const lines = text
    .slice(-500)
    .trimEnd()
    .split(/[\r\n]/);
  return stripVTControlCharacters(lines.at(-1) ?? '');
}
