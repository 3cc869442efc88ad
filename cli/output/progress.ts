import type { Colors } from 'picocolors/types.js';
import type { RunView } from '#shared/api/views.ts';
import { formatBytes, formatSeconds } from '#shared/text/amounts.ts';
import { LiveLines, type OutputStream } from '#shared/text/live-lines.ts';
import { colorsFor, type Terminal } from './terminal.ts';

/** Shows the progress of a batch. */
export interface Progress {
  uploading(sent: number, total: number): void;
  uploaded(files: number, total: number): void;
  run(view: RunView): void;
  /** Stops the display. The last state remains on the screen. */
  end(): void;
}

/**
 * Live lines on a terminal. Without a terminal, one line for each event, or nothing with --json, because programs read
 * only the JSON document.
 */
export function createProgress({ stderr, json }: Terminal): Progress {
  if (stderr.isTTY) return new LiveProgress(stderr);
  return json ? SILENT : new LineProgress(stderr);
}

const SILENT: Progress = {
  uploading: () => undefined,
  uploaded: () => undefined,
  run: () => undefined,
  end: () => undefined,
};

/** One line for each finished step. */
class LineProgress implements Progress {
  #stream: OutputStream;
  #written = new Set<string>();

  constructor(stream: OutputStream) {
    this.#stream = stream;
  }

  uploading(): void {
    // Only the end of the upload gets a line.
  }

  uploaded(files: number, total: number): void {
    this.#writeOnce(uploadedText(files, total));
  }

  run(view: RunView): void {
    if (view.run_id !== null) this.#writeOnce(`Run ${view.run_id} started.`);
    for (const { name, status, attempt, seconds } of view.steps) {
      if (status === 'done') this.#writeOnce(`${name}: done${seconds === null ? '' : ` in ${formatSeconds(seconds)}`}`);
      if (status === 'canceled') this.#writeOnce(`${name}: canceled`);
      if (status === 'failed') this.#writeOnce(`${name}: failed${attempt > 1 ? `, attempt ${attempt}` : ''}`);
    }
  }

  end(): void {
    // Every line is already written.
  }

  #writeOnce(line: string): void {
    if (this.#written.has(line)) return;
    this.#written.add(line);
    this.#stream.write(`${line}\n`);
  }
}

/** All steps, one line each, with the elapsed time of the running step. */
class LiveProgress implements Progress {
  #live: LiveLines;
  #colors: Colors;
  #upload = '';
  #view: RunView | undefined;
  #startedAt = new Map<string, number>();

  constructor(stream: OutputStream) {
    this.#colors = colorsFor(stream);
    this.#live = new LiveLines(stream, (spinner) => this.#lines(spinner));
    this.#live.start();
  }

  uploading(sent: number, total: number): void {
    this.#upload = `Uploading ${formatBytes(sent)} of ${formatBytes(total)}`;
  }

  uploaded(files: number, total: number): void {
    this.#upload = uploadedText(files, total);
  }

  run(view: RunView): void {
    for (const { name, status, attempt } of view.steps) {
      const key = `${name} ${attempt}`;
      if (status === 'running' && !this.#startedAt.has(key)) this.#startedAt.set(key, Date.now());
    }
    this.#view = view;
    this.#live.draw();
  }

  end(): void {
    this.#live.draw();
    this.#live.stop();
  }

  #lines(spinner: string): string[] {
    const since = (key: string) => (Date.now() - (this.#startedAt.get(key) ?? Date.now())) / 1000;
    const steps = this.#view === undefined ? [] : stepLines(this.#view, { spinner, colors: this.#colors, since });
    return [this.#upload, ...steps].filter((line) => line !== '');
  }
}

function uploadedText(files: number, total: number): string {
  if (files === 0) return 'Uploaded the manifest.';
  return `Uploaded ${files} ${files === 1 ? 'file' : 'files'}, ${formatBytes(total)}, and the manifest.`;
}

interface StepStyle {
  /** The current character of the spinner. */
  spinner: string;
  colors: Colors;
  /** Seconds since the start of an attempt, by `name attempt`. */
  since: (key: string) => number;
}

/** The steps of a run, one line each. */
export function stepLines(view: RunView, { spinner, colors, since }: StepStyle): string[] {
  return view.steps.map(({ name, status, attempt, seconds }) => {
    const padded = name.padEnd(NAME_WIDTH);
    const attempts = attempt > 1 ? colors.yellow(`  attempt ${attempt}`) : '';
    const time = colors.dim(formatSeconds(seconds ?? 0));
    if (status === 'done') return `${colors.green('✔')} ${padded}${time}${attempts}`;
    if (status === 'failed') return `${colors.red('✘')} ${padded}${colors.red('failed')}${attempts}`;
    if (status === 'canceled') return `${colors.yellow('–')} ${padded}${colors.yellow('canceled')}${attempts}`;
    if (status === 'running' && view.status === 'running')
      return `${colors.cyan(spinner)} ${padded}${formatSeconds(since(`${name} ${attempt}`))}${attempts}`;
    return colors.dim(`· ${name}`) + attempts;
  });
}

/** The longest step name, and a gap. */
const NAME_WIDTH = 20;
