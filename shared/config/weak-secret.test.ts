import { expect, test } from 'vitest';
import { weakSecretProblem } from './weak-secret.ts';

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
