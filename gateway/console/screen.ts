import { formatSeconds } from '#shared/text/amounts.ts';
import { LiveLines } from '#shared/text/live-lines.ts';

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

  /** Writes permanent lines. */
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

  /** Removes the live line. */
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
