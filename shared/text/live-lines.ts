import stringWidth from 'string-width';

/** The parts of an output stream that Sluice uses. */
export interface OutputStream {
  isTTY?: boolean | undefined;
  columns?: number | undefined;
  write(text: string): unknown;
}

const SPINNER = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];
const REDRAW_MS = 100;
/** Control sequences of ECMA-48. */
const UP = '\u001b[1A';
const CLEAR_DOWN = '\r\u001b[J';
const HIDE_CURSOR = '\u001b[?25l';
const SHOW_CURSOR = '\u001b[?25h';
/** Width that is assumed for a terminal that reports no width, or 0. */
const DEFAULT_COLUMNS = 80;

/**
 * Lines at the bottom of a terminal that are redrawn in place.
 *
 * No package is used: log-update 8.0.0 wraps long lines instead of truncating them, hides the cursor on standard error
 * only, and loads 15 packages. listr2 11.4.0 executes tasks, while these steps are executed by other processes.
 */
export class LiveLines {
  #out: OutputStream;
  #lines: (spinner: string) => string[];
  #timer: NodeJS.Timeout | undefined;
  #drawn = 0;
  #turn = 0;
  #showCursor = () => void this.#out.write(SHOW_CURSOR);

  /** `lines` returns the current lines. Its argument is the current character of the spinner. */
  constructor(out: OutputStream, lines: (spinner: string) => string[]) {
    this.#out = out;
    this.#lines = lines;
  }

  start(): void {
    if (this.#timer !== undefined) return;
    this.#out.write(HIDE_CURSOR);
    process.once('exit', this.#showCursor);
    // Without unref, the display would keep the process alive after its work.
    this.#timer = setInterval(() => this.draw(), REDRAW_MS).unref();
  }

  /** Draws the current lines over the previous ones. */
  draw(): void {
    if (this.#timer === undefined) return;
    const columns = (this.#out.columns || DEFAULT_COLUMNS) - 1;
    const lines = this.#lines(SPINNER[this.#turn++ % SPINNER.length] ?? '').map((line) => truncate(line, columns));
    this.#out.write(`${UP.repeat(this.#drawn)}${CLEAR_DOWN}${lines.map((line) => `${line}\n`).join('')}`);
    this.#drawn = lines.length;
  }

  /** Removes the lines from the screen until the next draw. */
  clear(): void {
    if (this.#drawn > 0) this.#out.write(`${UP.repeat(this.#drawn)}${CLEAR_DOWN}`);
    this.#drawn = 0;
  }

  /** Stops redrawing. The lines that were drawn last remain on the screen. */
  stop(): void {
    if (this.#timer === undefined) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#drawn = 0;
    process.off('exit', this.#showCursor);
    this.#showCursor();
  }
}

const COLOR = /\u001b\[[0-9;]*m/g;

/** Shortens a line that is too wide, without its colors. A line that wraps would not be redrawn completely. */
export function truncate(line: string, columns: number): string {
  const plain = line.replaceAll(COLOR, '');
  return stringWidth(plain) <= columns ? line : `${[...plain].slice(0, Math.max(0, columns - 1)).join('')}…`;
}
