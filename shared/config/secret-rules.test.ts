import { expect, test } from 'vitest';
import { passwordProblem, weakSecretProblem } from './secret-rules.ts';

test.each([
  ['short', 'has fewer than 12 characters'],
  ['a'.repeat(257), 'has more than 256 characters'],
  ['with a\nline break', 'contains a control character'],
  ['aaaaaaaaaaaaaa', 'consists of the name of the user or of repeated characters'],
  ['ana-maria-ana-maria1', 'consists of the name of the user or of repeated characters'],
  ['correct horse battery', undefined],
])('the new password %j: %s', (password, problem) => {
  expect(passwordProblem(password, 'ana-maria')).toBe(problem);
});

test.each([
  ['minioadmin', 'has fewer than 16 characters'],
  ['minioadminminioadmin', 'consists of common words or repeated characters'],
  ['change-me-change-me', 'consists of common words or repeated characters'],
  ['Password123456789', 'consists of common words or repeated characters'],
  ['your-secret-access-key', 'consists of common words or repeated characters'],
  ['abcabcabcabcabcabcabc', 'consists of common words or repeated characters'],
  ['0000000000000000000000', 'consists of common words or repeated characters'],
  ['xx-pipeline-73af-b0c2', 'contains its access key'],
])('%s is weak: it %s', (secret, problem) => {
  expect(weakSecretProblem(secret, 'Pipeline')).toBe(problem);
});

test.each(['9b2f61c07ae84d35', 'p+/=&%"\\<>#?;:|$`~!@9', 'correct horse battery staple', 'K7MDENG/bPxRfiCYEXAMPLE'])(
  '%s is not weak',
  (secret) => {
    expect(weakSecretProblem(secret, 'pipeline')).toBeUndefined();
  },
);
