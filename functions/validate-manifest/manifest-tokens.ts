import { isStorableText } from '#shared/text/storable.ts';
import { lineAndColumn } from './manifest-text.ts';

/**
 * A manifest has 5 levels. Deeper nesting in the tags could exhaust the stack of programs that serialize the document.
 */
const MAX_DEPTH = 32;
/** String literals and structural characters of JSON. */
const TOKEN = /"[^"\\]*(?:\\.[^"\\]*)*"|[{}[\],:]/gs;

/** A problem of one field. `message` follows the name of the field in a sentence. */
export interface FieldIssue {
  field: string;
  message: string;
}

interface Level {
  /** The names of the object so far; undefined in an array. */
  names: Set<string> | undefined;
  /** The current name or index. */
  at: string | number;
  expectsName: boolean;
}

/**
 * Problems that JSON.parse ignores: repeated names in an object (the last value would replace the others), nesting that
 * is too deep, and characters that databases cannot store (NUL, lone surrogates). `text` must be valid JSON.
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
        if (level.names.has(value)) report('is repeated', index);
        level.names.add(value);
      }
      if (!isStorableText(value))
        report('contains a character that cannot be stored (NUL, or a lone surrogate)', index);
    }
  }
  return issues;
}

/** The name of a field in messages, such as `files[0].path`; `manifest` for the root. Unusual names are quoted. */
export function fieldOf(path: readonly PropertyKey[]): string {
  const parts = path.map((part) => {
    if (typeof part === 'number') return `[${part}]`;
    const name = String(part);
    return /^[\p{L}\p{N}_-]+$/u.test(name) ? `.${name}` : `[${JSON.stringify(name)}]`;
  });
  return parts.join('').replace(/^\./, '') || 'manifest';
}
