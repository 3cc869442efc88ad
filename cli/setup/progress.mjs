// @ts-check
import { spawn } from 'node:child_process';
import { stripVTControlCharacters } from 'node:util';

/** Without a terminal, how often a long step says that it is still at work. */
const STILL_WORKING_MS = 15_000;
/** With a terminal, how often the line is drawn again. */
const REDRAW_MS = 200;
/** Lines of a failed program that are shown. */
const SHOWN_LINES = 15;

/**
 * Runs a program and shows in plain words how it goes: one live line on a terminal, else a line now and then.
 *
 * @param {string} title What is being done, such as `Installing GDAL`.
 * @param {import('./system-packages.mjs').Command} command
 * @param {{ cwd?: string, failed?: string }} [options] `failed`: what the line says when the program fails; the caller may have another way.
 * @returns {Promise<{ ok: boolean, said: string }>}
 */
export function runShowing(title, { command, args }, { cwd, failed = 'failed' } = {}) {
  const started = Date.now();
  const seconds = () => Math.round((Date.now() - started) / 1000);
  const line = liveLine(title, seconds);
  let said = '';
  return new Promise((done) => {
    const child = spawn(command, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'] });
    const hear = (/** @type {Buffer} */ chunk) => {
      said += chunk.toString();
      line.detail(lastLine(said));
    };
    child.stdout.on('data', hear);
    child.stderr.on('data', hear);
    const end = (/** @type {boolean} */ ok) => {
      line.end(ok ? `${title}: done (${seconds()} s)` : `${title}: ${failed}`);
      done({ ok, said });
    };
    child.on('error', (error) => {
      said += error.message;
      end(false);
    });
    child.on('close', (code) => end(code === 0));
  });
}

/** What a failed program said of its failure: the beginning of npm's errors, which a page of usage follows, or the end. @param {string} said */
export function failureOf(said) {
  const lines = said.trim().split('\n');
  const errors = lines.filter((line) => /^npm error ./.test(line)).slice(0, SHOWN_LINES);
  return (errors.length > 0 ? errors : lines.slice(-SHOWN_LINES)).map((line) => `    ${line}`).join('\n');
}

/** @param {string} title @param {() => number} seconds */
function liveLine(title, seconds) {
  const terminal = process.stdout.isTTY === true;
  let detail = '';
  const draw = () => {
    const text = `  ${title} … ${seconds()} s  ${detail}`;
    process.stdout.write(`\r\x1b[2K${text.slice(0, (process.stdout.columns || 80) - 1)}`);
  };
  if (!terminal) console.log(`  ${title} …`);
  const timer = setInterval(
    () => (terminal ? draw() : console.log(`  ${title}: still at work (${seconds()} s)`)),
    terminal ? REDRAW_MS : STILL_WORKING_MS,
  );
  return {
    detail: (/** @type {string} */ text) => {
      detail = text;
    },
    end: (/** @type {string} */ text) => {
      clearInterval(timer);
      if (terminal) process.stdout.write('\r\x1b[2K');
      console.log(`  ${text}`);
    },
  };
}

/** @param {string} text */
function lastLine(text) {
  return stripVTControlCharacters(
    text
      .slice(-500)
      .trimEnd()
      .split(/[\r\n]/)
      .at(-1) ?? '',
  );
}
