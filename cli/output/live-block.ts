import { displayWidth } from './format-table.ts';
import type { Screen } from './terminal.ts';

const FRAMES = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];
/** Smooth to the eye, and nothing to a terminal. */
const REDRAW_MS = 100;
/** ECMA-48: one line up; clear to the end of the screen; cursor off and on. */
const UP = '\u001b[1A';
const CLEAR_DOWN = '\r\u001b[J';
const HIDE_CURSOR = '\u001b[?25l';
const SHOW_CURSOR = '\u001b[?25h';
/** Of a terminal that does not tell its width, or says 0. */
const USUAL_COLUMNS = 80;

/** Lines at the bottom of a terminal that are drawn again and again in place. */
export class LiveBlock {
  #screen: Screen;
  #lines: (frame: string) => string[];
  #timer: NodeJS.Timeout;
  #drawn = 0;
  #turn = 0;
  #restore = () => void this.#screen.write(SHOW_CURSOR);

  constructor(screen: Screen, lines: (frame: string) => string[]) {
    this.#screen = screen;
    this.#lines = lines;
    screen.write(HIDE_CURSOR);
    process.once('exit', this.#restore);
    this.#timer = setInterval(() => this.draw(), REDRAW_MS);
    this.#timer.unref(); // The work decides how long the process lives, not its picture.
  }

  draw(): void {
    const lines = this.#lines(FRAMES[this.#turn++ % FRAMES.length] ?? '').map((line) =>
      cut(line, (this.#screen.columns || USUAL_COLUMNS) - 1),
    );
    this.#screen.write(`${UP.repeat(this.#drawn)}${CLEAR_DOWN}${lines.map((line) => `${line}\n`).join('')}`);
    this.#drawn = lines.length;
  }

  end(): void {
    clearInterval(this.#timer);
    this.draw();
    process.off('exit', this.#restore);
    this.#restore();
  }
}

const ESCAPE = /\u001b\[[0-9;]*m/g;

/** A line that would wrap counts as two and leave rests: it loses its colors and its end. */
export function cut(line: string, columns: number): string {
  const plain = line.replaceAll(ESCAPE, '');
  return displayWidth(plain) <= columns ? line : `${[...plain].slice(0, Math.max(0, columns - 1)).join('')}…`;
}
