import { lineAndColumn } from './manifest-text.ts';

/** A manifest needs 5 levels; deeper nesting can only be in tags, and would exhaust the stack of whatever writes it again. */
const MAX_DEPTH = 32;
/** String literals and the marks that open, close and separate. Numbers and words are skipped. */
const TOKEN = /"[^"\\]*(?:\\.[^"\\]*)*"|[{}[\],:]/gs;

/** One wrong field: `message` follows the field's name in a sentence. */
export interface FieldIssue {
  field: string;
  message: string;
}

interface Level {
  /** The names seen; undefined in an array. */
  names: Set<string> | undefined;
  /** Where the reader is: a name, or an index. */
  at: string | number;
  expectsName: boolean;
}

/**
 * What JSON.parse lets pass but no manifest may hold: a name twice in one object (the last one would silently win), nesting
 * without end, and characters that no database stores as text (NUL, half a surrogate pair). `text` must be valid JSON.
 */
export function tokenIssues(text: string): FieldIssue[] {
  const issues: FieldIssue[] = [];
  const levels: Level[] = [];
  const report = (message: string, offset: number) => {
    const { line, column } = lineAndColumn(text, offset);
    issues.push({
      field: fieldOf(levels.map((level) => level.at)),
      message: `${message} (line ${line}, column ${column})`,
    });
  };
  for (const { 0: token, index } of text.matchAll(TOKEN)) {
    const level = levels.at(-1);
    if (token === '{' || token === '[') {
      if (levels.length === MAX_DEPTH) {
        report(`is nested deeper than ${MAX_DEPTH} levels`, index);
        return issues;
      }
      levels.push(
        token === '{'
          ? { names: new Set(), at: '', expectsName: true }
          : { names: undefined, at: 0, expectsName: false },
      );
    } else if (token === '}' || token === ']') {
      levels.pop();
    } else if (token === ',' && level !== undefined) {
      if (typeof level.at === 'number') level.at += 1;
      else level.expectsName = true;
    } else if (token.startsWith('"')) {
      const value = JSON.parse(token) as string;
      if (level?.expectsName && level.names !== undefined) {
        level.at = value;
        level.expectsName = false;
        if (level.names.has(value)) report('stands twice', index);
        level.names.add(value);
      }
      if (value.includes('\0') || !value.isWellFormed())
        report('holds a character that is not text (NUL, or half a surrogate pair)', index);
    }
  }
  return issues;
}

/** `files[0].path`; the root is `manifest`. Names that would be misread are quoted. */
export function fieldOf(path: readonly PropertyKey[]): string {
  const parts = path.map((part) => {
    if (typeof part === 'number') return `[${part}]`;
    const name = String(part);
    return /^[\p{L}\p{N}_-]+$/u.test(name) ? `.${name}` : `[${JSON.stringify(name)}]`;
  });
  return parts.join('').replace(/^\./, '') || 'manifest';
}
