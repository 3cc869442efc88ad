import type { z } from 'zod';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { type ManifestObject, MAX_MANIFEST_BYTES } from '#shared/landing/uploaded-manifest.ts';
import { type Manifest, ManifestSchema } from '#shared/manifest/manifest.ts';
import { describeIssue } from '#shared/text/describe-issue.ts';
import { type FieldIssue, FieldIssues, fieldOf, TextLines, tokenIssues } from './manifest-tokens.ts';

/** Issues in the message of the error. */
const MAX_ISSUES_IN_MESSAGE = 5;

/** Parses an uploaded manifest. Throws MANIFEST_TOO_LARGE, MANIFEST_NOT_UTF8, MANIFEST_NOT_JSON, MANIFEST_INVALID. */
export function parseManifest(object: Pick<ManifestObject, 'bytes' | 'tooLarge'>): Manifest {
  if (object.tooLarge)
    throw new SluiceError(
      'MANIFEST_TOO_LARGE',
      `The manifest is larger than ${MAX_MANIFEST_BYTES} bytes. Put the data in the files that the manifest lists.`,
      { details: { limit_bytes: MAX_MANIFEST_BYTES } },
    );
  const text = decodeText(object.bytes);
  const value = parseJson(text);
  const issues = tokenIssues(text);
  if (issues.count > 0) throw invalidFields(issues.first, issues.count);
  return validateFields(value);
}

function validateFields(value: unknown): Manifest {
  const result = ManifestSchema.safeParse(value, { reportInput: true });
  if (result.success) return result.data;
  const issues = new FieldIssues();
  for (const issue of result.error.issues) addIssue(issues, issue);
  throw invalidFields(issues.first, issues.count);
}

/**
 * MANIFEST_INVALID with the first issues in the message and `issues` in the details. `count` is the number of all
 * issues of the manifest.
 */
export function invalidFields(issues: FieldIssue[], count = issues.length): SluiceError {
  const listed = issues.slice(0, MAX_ISSUES_IN_MESSAGE).map(({ field, message }) => `${field} ${message}`);
  const more = count > listed.length ? `; and ${count - listed.length} more` : '';
  const further = count > issues.length ? { further_issues: count - issues.length } : {};
  return new SluiceError('MANIFEST_INVALID', `The manifest is not valid: ${listed.join('; ')}${more}.`, {
    details: { issues, ...further },
  });
}

function addIssue(issues: FieldIssues, issue: z.core.$ZodIssue): void {
  if (issue.code !== 'unrecognized_keys')
    return issues.add(() => ({ field: fieldOf(issue.path), message: describeIssue(issue) }));
  for (const key of issue.keys)
    issues.add(() => ({ field: fieldOf([...issue.path, key]), message: 'is not a field of a manifest' }));
}

const REPLACEMENT = '\ufffd';
const REPLACEMENT_BYTES = Buffer.from(REPLACEMENT);

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
  // The decoder writes U+FFFD for invalid bytes, but the text can also contain this character.
  const text = new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes);
  let offset = 0;
  let start = 0;
  for (let at = text.indexOf(REPLACEMENT); at >= 0; at = text.indexOf(REPLACEMENT, start)) {
    offset += Buffer.byteLength(text.slice(start, at));
    if (!REPLACEMENT_BYTES.every((byte, index) => bytes[offset + index] === byte)) return offset;
    offset += REPLACEMENT_BYTES.length;
    start = at + 1;
  }
  return bytes.length;
}

/** Parses JSON text. Throws MANIFEST_NOT_JSON with line and column. */
export function parseJson(text: string): unknown {
  if (text.trim() === '')
    throw new SluiceError('MANIFEST_NOT_JSON', 'The manifest is empty.', { details: { line: 1, column: 1 } });
  try {
    return JSON.parse(text);
  } catch (cause) {
    const reported = cause instanceof Error ? cause.message : String(cause);
    const { line, column } = new TextLines(text).positionOf(errorOffset(reported, text));
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
