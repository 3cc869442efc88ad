import { SluiceError } from '#shared/errors/sluice-error.ts';
import type { Manifest } from '#shared/manifest/manifest.ts';
import { MAX_MANIFEST_BYTES, type ManifestObject } from '#shared/landing/manifest-object.ts';
import { invalidFields, validateFields } from './manifest-fields.ts';
import { decodeText, parseJson } from './manifest-text.ts';
import { tokenIssues } from './manifest-tokens.ts';

/** The manifest of uploaded bytes. Throws MANIFEST_TOO_LARGE, MANIFEST_NOT_UTF8, MANIFEST_NOT_JSON, MANIFEST_INVALID. */
export function parseManifest(object: Pick<ManifestObject, 'bytes' | 'tooLarge'>): Manifest {
  if (object.tooLarge) {
    throw new SluiceError(
      'MANIFEST_TOO_LARGE',
      `The manifest is larger than ${MAX_MANIFEST_BYTES} bytes. It names files; data belongs in those files.`,
      { details: { limit_bytes: MAX_MANIFEST_BYTES } },
    );
  }
  const text = decodeText(object.bytes);
  const value = parseJson(text);
  const issues = tokenIssues(text);
  if (issues.length > 0) throw invalidFields(issues);
  return validateFields(value);
}
