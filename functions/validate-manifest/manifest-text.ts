import { SluiceError } from '#shared/errors/sluice-error.ts';
import { isStorableText } from '#shared/text/storable.ts';
import { printable } from '#shared/text/visible-text.ts';

/** Decodes a manifest, without its byte order mark. Throws MANIFEST_NOT_UTF8. */
export function decodeText(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    const at = firstInvalidByte(bytes);
    const hint = bytes[0] === 0xff || bytes[0] === 0xfe ? ' It is probably UTF-16.' : '';
    throw new SluiceError(
      'MANIFEST_NOT_UTF8',
      `The manifest is not valid UTF-8: byte ${at} is invalid.${hint} Save it as UTF-8.`,
      { cause, details: { byte: at } },
    );
  }
}

/** Offset of the first byte that is not valid UTF-8. */
function firstInvalidByte(bytes: Uint8Array): number {
  let offset = 0;
  for (const character of new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes)) {
    const written = new TextEncoder().encode(character);
    if (!written.every((byte, index) => bytes[offset + index] === byte)) break;
    offset += written.length;
  }
  return offset;
}

/** Parses JSON text. Throws MANIFEST_NOT_JSON with line and column. */
export function parseJson(text: string): unknown {
  if (text.trim() === '')
    throw new SluiceError('MANIFEST_NOT_JSON', 'The manifest is empty.', { details: { line: 1, column: 1 } });
  try {
    return JSON.parse(text);
  } catch (cause) {
    const reported = cause instanceof Error ? cause.message : String(cause);
    const { line, column } = lineAndColumn(text, errorOffset(reported, text));
    throw new SluiceError(
      'MANIFEST_NOT_JSON',
      `The manifest is not valid JSON at line ${line}, column ${column}: ${reason(reported)}.`,
      { cause, details: { line, column } },
    );
  }
}

/**
 * The offset in V8's message. Some messages have only the unexpected token, and have neither if the text is truncated.
 */
function errorOffset(message: string, text: string): number {
  const position = /at position (\d+)/.exec(message)?.[1];
  if (position !== undefined) return Number(position);
  const token = /^Unexpected token '(.+?)', /su.exec(message)?.[1];
  return token === undefined ? text.length : Math.max(0, text.indexOf(token));
}

function reason(message: string): string {
  const plain = message
    .replace(/,? (in JSON )?at position .*$/s, '')
    .replace(/ in JSON$/, '')
    .replace(/, ("|\.\.\.).* is not valid JSON$/s, '');
  return plain === 'Unexpected end of JSON input'
    ? 'unexpected end of the text'
    : plain.charAt(0).toLowerCase() + plain.slice(1);
}

/** Line and column of an offset, from 1. */
export function lineAndColumn(text: string, offset: number): { line: number; column: number } {
  const before = text.slice(0, offset).split(/\r\n|\n|\r/);
  return { line: before.length, column: (before.at(-1)?.length ?? 0) + 1 };
}

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
    return /^[\p{L}\p{N}_-]+$/u.test(name) ? `.${name}` : `[${printable(JSON.stringify(name))}]`;
  });
  return parts.join('').replace(/^\./, '') || 'manifest';
}
