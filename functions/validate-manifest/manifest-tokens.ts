import { type FieldIssue, fieldPath, MAX_ISSUES } from '#shared/text/describe-issue.ts';
import { isStorableText } from '#shared/text/storable.ts';

/**
 * A manifest has 5 levels. Deeper nesting in the tags could exhaust the stack of programs that serialize the document.
 */
const MAX_DEPTH = 32;
/**
 * Names of fields in a manifest. 1,000 files with all of their fields have 10,000. The validation of a manifest with
 * 100,000 invalid fields takes several seconds, in which the process does nothing else.
 */
export const MAX_NAMES = 20_000;

interface Level {
  /** The names of the object so far; undefined in an array. */
  names: Set<string> | undefined;
  /** The name of the current field, or the index of the current entry. */
  at: string | number;
  expectsName: boolean;
}

/**
 * Problems that JSON.parse ignores: repeated names in an object (the last value would replace the others), nesting that
 * is too deep, too many names, and characters that databases cannot store (NUL, lone surrogates). `text` must be valid
 * JSON. The time is linear in its length. No JSON library is used, because JSON.parse has checked the syntax, so only
 * names and brackets remain to be found.
 */
export function tokenIssues(text: string): FieldIssues {
  return new TokenCheck(text).run();
}

class TokenCheck {
  readonly #text: string;
  readonly #issues = new FieldIssues();
  readonly #levels: Level[] = [];
  #names = 0;
  /** The positions of lines in the text. Created when the first issue is found. */
  #lines: TextLines | undefined;

  constructor(text: string) {
    this.#text = text;
  }

  /** Stops at the first limit that is exceeded. */
  run(): FieldIssues {
    for (let at = 0; at < this.#text.length; at++) {
      const character = this.#text[at];
      const level = this.#levels.at(-1);
      if (character === '{' || character === '[') {
        if (this.#levels.length === MAX_DEPTH) {
          this.#report(`is nested deeper than ${MAX_DEPTH} levels`, at);
          break;
        }
        this.#open(character === '{');
      } else if (character === '}' || character === ']') {
        this.#levels.pop();
      } else if (character === ',' && level !== undefined) {
        if (typeof level.at === 'number') level.at += 1;
        else level.expectsName = true;
      } else if (character === '"') {
        const end = endOfString(this.#text, at);
        this.#checkString(JSON.parse(this.#text.slice(at, end)) as string, at, level);
        if (this.#names > MAX_NAMES) {
          this.#report(`is name ${this.#names} of the manifest; at most ${MAX_NAMES} are allowed`, at);
          break;
        }
        at = end - 1;
      }
    }
    return this.#issues;
  }

  #open(isObject: boolean): void {
    this.#levels.push({ names: isObject ? new Set() : undefined, at: isObject ? '' : 0, expectsName: isObject });
  }

  #checkString(value: string, at: number, level: Level | undefined): void {
    if (level?.expectsName && level.names !== undefined) {
      level.at = value;
      level.expectsName = false;
      this.#names += 1;
      if (level.names.has(value)) this.#report('is repeated', at);
      level.names.add(value);
    }
    if (!isStorableText(value))
      this.#report('contains a character that cannot be stored (NUL, or a lone surrogate)', at);
  }

  #report(message: string, offset: number): void {
    this.#issues.add(() => {
      const { line, column } = (this.#lines ??= new TextLines(this.#text)).positionOf(offset);
      return {
        field: fieldPath(this.#levels.map((level) => level.at)) || 'manifest',
        message: `${message} (line ${line}, column ${column})`,
      };
    });
  }
}

/** The offset after the string literal that starts at `start`. */
function endOfString(text: string, start: number): number {
  let at = start + 1;
  while (at < text.length && text[at] !== '"') at += text[at] === '\\' ? 2 : 1;
  return at + 1;
}

const LF = 0x0a;
const CR = 0x0d;

/** A position in a text, from 1. */
export interface TextPosition {
  line: number;
  column: number;
}

/** Converts offsets of a text to lines and columns. LF, CR LF or CR ends a line. The text is read once. */
export class TextLines {
  /** The offset of the first character of each line. */
  readonly #starts: number[] = [0];

  constructor(text: string) {
    for (let at = 0; at < text.length; at++) {
      const character = text.charCodeAt(at);
      if (character === LF || (character === CR && text.charCodeAt(at + 1) !== LF)) this.#starts.push(at + 1);
    }
  }

  positionOf(offset: number): TextPosition {
    // Binary search: `low` is a line that starts at or before the offset, `high` is one that starts after it.
    let low = 0;
    let high = this.#starts.length;
    while (high - low > 1) {
      const middle = (low + high) >>> 1;
      if ((this.#starts[middle] ?? 0) <= offset) low = middle;
      else high = middle;
    }
    return { line: low + 1, column: offset - (this.#starts[low] ?? 0) + 1 };
  }
}

/** Collects the first MAX_ISSUES issues, and counts the further ones. */
export class FieldIssues {
  readonly first: FieldIssue[] = [];
  #count = 0;

  get count(): number {
    return this.#count;
  }

  /** `describe` is called only for the first issues. */
  add(describe: () => FieldIssue): void {
    this.#count += 1;
    if (this.first.length < MAX_ISSUES) this.first.push(describe());
  }
}
