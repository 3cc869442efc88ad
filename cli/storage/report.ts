import { counted } from '#shared/text/amounts.ts';

type Outcome = 'found' | 'created' | 'changed' | 'to do';

const OUTCOME_WIDTH = 'created'.length;

/** Prints one line for each thing that setup-storage found, created or changed, or that a person has to do. */
export class SetupReport {
  readonly counts: Record<Outcome, number> = { found: 0, created: 0, changed: 0, 'to do': 0 };
  readonly #print: (line: string) => void;

  constructor(print: (line: string) => void) {
    this.#print = print;
  }

  add(outcome: Outcome, text: string): void {
    this.counts[outcome] += 1;
    this.#print(`${outcome.padEnd(OUTCOME_WIDTH)}  ${text}`);
  }

  /** The last line. */
  end(): void {
    const { found, created, changed, 'to do': toDo } = this.counts;
    const marked = `${counted(toDo, 'action')} ${toDo === 1 ? 'is' : 'are'} left, marked "to do" above.`;
    const rest = toDo === 0 ? 'Nothing is left to do.' : marked;
    this.#print(`The object store is set up: ${created} created, ${changed} changed, ${found} found. ${rest}`);
  }
}
