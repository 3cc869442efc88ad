/** Shorter secrets can be guessed by trying. */
const MIN_SECRET_CHARACTERS = 16;
/** A secret with fewer different characters, beside common words, repeats a pattern. */
const MIN_DIFFERENT_CHARACTERS = 6;
/** Words of default and example secrets. */
const COMMON_WORDS =
  /minio|sluice|admin|root|user|pass(?:word)?|secret|change|default|example|test|access|key|token|replace|your|12345\d*/g;

/**
 * Why a secret is too weak for an installation that other machines can reach, as the end of a sentence about it.
 * Undefined for a strong one.
 */
export function weakSecretProblem(secret: string, accessKey = ''): string | undefined {
  if (secret.length < MIN_SECRET_CHARACTERS) return `has fewer than ${MIN_SECRET_CHARACTERS} characters`;
  const text = secret.toLowerCase();
  if (accessKey !== '' && text.includes(accessKey.toLowerCase())) return 'contains its access key';
  const rest = new Set(text.replaceAll(COMMON_WORDS, ''));
  if (rest.size < MIN_DIFFERENT_CHARACTERS) return 'consists of common words or repeated characters';
  return undefined;
}
