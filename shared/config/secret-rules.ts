/** Which passwords of users and which secrets of servers are accepted. */

/** The shortest password that OWASP ASVS permits (2.1.1). */
const MIN_PASSWORD_CHARACTERS = 12;
/** scrypt reads the whole password first, so its length is limited. */
export const MAX_PASSWORD_CHARACTERS = 256;
export const WITHOUT_CONTROL_CHARACTERS = /^\P{Cc}*$/u;
/** A password with fewer different characters, beside the name of the user, repeats a pattern. */
const MIN_DIFFERENT_IN_PASSWORD = 5;

/** Why a new password is not accepted, as the end of a sentence about it. Undefined for a good one. */
export function passwordProblem(password: string, userName = ''): string | undefined {
  const length = [...password].length;
  if (length < MIN_PASSWORD_CHARACTERS) return `has fewer than ${MIN_PASSWORD_CHARACTERS} characters`;
  if (length > MAX_PASSWORD_CHARACTERS) return `has more than ${MAX_PASSWORD_CHARACTERS} characters`;
  if (!WITHOUT_CONTROL_CHARACTERS.test(password)) return 'contains a control character';
  if (new Set(password.toLowerCase().replaceAll(userName.toLowerCase() || '\0', '')).size < MIN_DIFFERENT_IN_PASSWORD)
    return 'consists of the name of the user or of repeated characters';
  return undefined;
}

/** Shorter secrets can be guessed by trying. */
const MIN_SECRET_CHARACTERS = 16;
/** A secret with fewer different characters, beside common words, repeats a pattern. */
const MIN_DIFFERENT_IN_SECRET = 6;
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
  if (rest.size < MIN_DIFFERENT_IN_SECRET) return 'consists of common words or repeated characters';
  return undefined;
}

/** A secret, for `weakSecretProblems`. `name` begins a sentence about it. */
export interface NamedSecret {
  name: string;
  secret: string | undefined;
  accessKey?: string | undefined;
}

/** One sentence without a full stop about each weak secret. Secrets that are not set are ignored. */
export function weakSecretProblems(secrets: readonly NamedSecret[]): string[] {
  return secrets.flatMap(({ name, secret, accessKey }) => {
    const problem = secret === undefined ? undefined : weakSecretProblem(secret, accessKey);
    return problem === undefined ? [] : [`${name} ${problem}`];
  });
}
