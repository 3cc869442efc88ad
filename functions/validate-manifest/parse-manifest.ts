import { SluiceError } from '#shared/errors/sluice-error.ts';
import { type ManifestObject, MAX_MANIFEST_BYTES } from '#shared/landing/uploaded-manifest.ts';
import { invalidManifest } from '#shared/manifest/invalid-manifest.ts';
import { type Manifest, ManifestSchema } from '#shared/manifest/manifest.ts';
import { DESCRIBED, describeIssue, fieldPath, pathsOf } from '#shared/text/describe-issue.ts';
import { FieldIssues, TextLines, tokenIssues } from './manifest-tokens.ts';

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
  if (issues.count > 0) throw invalidManifest(issues.first, issues.count);
  return validateFields(value);
}

function validateFields(value: unknown): Manifest {
  const result = ManifestSchema.safeParse(value, DESCRIBED);
  if (result.success) return result.data;
  const issues = new FieldIssues();
  for (const issue of result.error.issues)
    for (const path of pathsOf(issue))
      issues.add(() => ({ field: fieldPath(path) || 'manifest', message: describeIssue(issue) }));
  throw invalidManifest(issues.first, issues.count);
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
