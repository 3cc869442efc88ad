import { formatSeconds } from '#shared/text/amounts.ts';

/** With a terminal, how often the live line is drawn again. */
const REDRAW_MS = 100;

/** What a person sees: lines that stay, and on a terminal one live line below them that says what is under way. */
export class Screen {
  #out: NodeJS.WriteStream;
  #begun = new Map<string, number>();
  #timer: NodeJS.Timeout | undefined;

  constructor(out: NodeJS.WriteStream = process.stdout) {
    this.#out = out;
    out.on('error', () => undefined); // The reader has gone (a closed terminal, `| head`); the work goes on.
  }

  say(...lines: string[]): void {
    this.#clear();
    this.#out.write(lines.map((line) => `${line}\n`).join(''));
    this.#draw();
  }

  begin(what: string): void {
    this.#begun.set(what, performance.now());
    if (this.#out.isTTY) this.#timer ??= setInterval(() => this.#draw(), REDRAW_MS).unref();
    this.#draw();
  }

  /** Leaves `result` on the screen with the time that it took. */
  end(what: string, result: string): void {
    const seconds = (performance.now() - (this.#begun.get(what) ?? performance.now())) / 1000;
    this.#begun.delete(what);
    this.say(`  ${result} (${formatSeconds(seconds)})`);
    if (this.#begun.size === 0) this.stopLive();
  }

  /** Takes the live line away, for example before an error. */
  stopLive(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#clear();
    this.#begun.clear();
  }

  #draw(): void {
    if (!this.#out.isTTY || this.#begun.size === 0) return;
    const parts = [...this.#begun].map(
      ([what, begun]) => `${what} … ${Math.floor((performance.now() - begun) / 1000)} s`,
    );
    this.#clear();
    this.#out.write(`  ${parts.join('   ')}`.slice(0, (this.#out.columns || 80) - 1));
  }

  #clear(): void {
    if (this.#out.isTTY) this.#out.write('\r\x1b[2K');
  }
}
