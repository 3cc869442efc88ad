import type { Colors } from 'picocolors/types.js';
import { formatBytes, formatSeconds } from '#shared/text/amounts.ts';
import type { RunView } from '#shared/api/views.ts';
import { LiveBlock } from './live-block.ts';
import { colorsFor, type Screen, type Terminal } from './terminal.ts';

/** Shows how far a batch is. */
export interface Progress {
  uploading(sent: number, total: number): void;
  uploaded(files: number, total: number): void;
  run(view: RunView): void;
  /** Leaves the last state on the screen and stops. */
  end(): void;
}

/** Live lines on a terminal, else one line for each thing that happened; nothing beside a JSON document that a program reads. */
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

/** One line for each step that ended. */
class LineProgress implements Progress {
  #screen: Screen;
  #told = new Set<string>();

  constructor(screen: Screen) {
    this.#screen = screen;
  }

  uploading(): void {
    // Only the end is worth a line.
  }

  uploaded(files: number, total: number): void {
    this.#tell(uploadedText(files, total));
  }

  run(view: RunView): void {
    if (view.run_id !== null) this.#tell(`Run ${view.run_id} started.`);
    for (const { name, status, attempt, seconds } of view.steps) {
      if (status === 'done') this.#tell(`${name}: done${seconds === null ? '' : ` in ${formatSeconds(seconds)}`}`);
      if (status === 'failed') this.#tell(`${name}: failed${attempt > 1 ? `, try ${attempt}` : ''}`);
    }
  }

  end(): void {
    // Every line stands already.
  }

  #tell(line: string): void {
    if (this.#told.has(line)) return;
    this.#told.add(line);
    this.#screen.write(`${line}\n`);
  }
}

/** All steps at once, with a clock on the one that runs. */
class LiveProgress implements Progress {
  #block: LiveBlock;
  #colors: Colors;
  #upload = '';
  #view: RunView | undefined;
  #startedAt = new Map<string, number>();

  constructor(screen: Screen) {
    this.#colors = colorsFor(screen);
    this.#block = new LiveBlock(screen, (frame) => this.#lines(frame));
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
    this.#block.draw();
  }

  end(): void {
    this.#block.end();
  }

  #lines(frame: string): string[] {
    const since = (key: string) => (Date.now() - (this.#startedAt.get(key) ?? Date.now())) / 1000;
    const steps = this.#view === undefined ? [] : stepLines(this.#view, { frame, colors: this.#colors, since });
    return [this.#upload, ...steps].filter((line) => line !== '');
  }
}

function uploadedText(files: number, total: number): string {
  if (files === 0) return 'Uploaded the manifest.';
  return `Uploaded ${files} ${files === 1 ? 'file' : 'files'}, ${formatBytes(total)}, and the manifest.`;
}

interface StepLook {
  /** The picture that turns. */
  frame: string;
  colors: Colors;
  /** Seconds since a step's try began, by `name attempt`. */
  since: (key: string) => number;
}

/** The steps of a run, one a line. */
export function stepLines(view: RunView, { frame, colors, since }: StepLook): string[] {
  return view.steps.map(({ name, status, attempt, seconds }) => {
    const tries = attempt > 1 ? colors.yellow(`  try ${attempt}`) : '';
    if (status === 'done')
      return `${colors.green('✔')} ${name.padEnd(NAME_WIDTH)}${colors.dim(formatSeconds(seconds ?? 0))}${tries}`;
    if (status === 'failed') return `${colors.red('✘')} ${name.padEnd(NAME_WIDTH)}${colors.red('failed')}${tries}`;
    if (status === 'running' && view.status === 'running')
      return `${colors.cyan(frame)} ${name.padEnd(NAME_WIDTH)}${formatSeconds(since(`${name} ${attempt}`))}${tries}`;
    return colors.dim(`· ${name}`) + tries;
  });
}

/** The longest name of a step, and a gap. */
const NAME_WIDTH = 20;
