import stylistic from '@stylistic/eslint-plugin';
import reactHooks from 'eslint-plugin-react-hooks';
import regexp from 'eslint-plugin-regexp';
import tseslint from 'typescript-eslint';

const TESTS = ['**/*.test.ts', 'tests/**', 'bench/**'];
const LINE_LENGTH = { code: 120, ignoreUrls: true, ignoreRegExpLiterals: true };

export default tseslint.config(
  { ignores: ['node_modules/', '.sluice/', '.sluice-test/', '**/dist/', 'build/'] },
  ...tseslint.configs.recommendedTypeChecked,
  {
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    plugins: { '@stylistic': stylistic, regexp },
    rules: {
      // A name that starts with _ is unused on purpose.
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      // An async function turns a throw into a rejection, even where it awaits nothing.
      '@typescript-eslint/require-await': 'off',
      '@stylistic/max-len': ['error', LINE_LENGTH],
      // User content must not freeze a process, so each expression takes time linear in the length of its input.
      'regexp/no-super-linear-backtracking': ['error', { report: 'potential' }],
      'regexp/no-super-linear-move': ['error', { report: 'potential', ignoreSticky: false }],
      'no-restricted-imports': [
        'error',
        {
          paths: [
            {
              name: 'node:fs',
              importNames: ['createReadStream', 'createWriteStream'],
              message: 'Use shared/streams/file-streams.ts: an error event without a listener ends the process.',
            },
          ],
        },
      ],
      'max-lines-per-function': ['error', { max: 60, skipBlankLines: true, skipComments: true }],
      'no-restricted-properties': [
        'error',
        { object: 'AbortSignal', property: 'any', message: 'Use JoinedSignal, which has an end (shared/signals).' },
      ],
      'no-restricted-syntax': [
        'error',
        {
          selector: "NewExpression[callee.name='Error']",
          message: 'Throw a SluiceError: its stable code has advice for the user.',
        },
        {
          // V8 stores the fields of an object in a slow form when more than 14 of them are `#` fields, the first
          // objects of the class were collected as garbage, and the class has `#` methods. Then a scan takes 6 times
          // as long. Fields with `private` are not affected.
          selector: "ClassBody > PropertyDefinition[key.type='PrivateIdentifier']:nth-child(15)",
          message: 'Use `private` instead of `#` in a class with so many fields: V8 reads them up to 6 times as fast.',
        },
      ],
    },
  },
  { files: ['dashboard/**/*.tsx'], extends: [reactHooks.configs.flat.recommended] },
  { files: ['shared/streams/file-streams.ts'], rules: { 'no-restricted-imports': 'off' } },
  {
    files: [...TESTS, 'cli/*.mjs', 'cli/setup/*.mjs'],
    rules: {
      'no-restricted-syntax': 'off',
      'no-restricted-imports': 'off',
      'max-lines-per-function': 'off',
      'regexp/no-super-linear-backtracking': 'off',
      'regexp/no-super-linear-move': 'off',
      // Matchers such as expect.any() are of type any; spies are methods without their object.
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/unbound-method': 'off',
      '@stylistic/max-len': ['error', { ...LINE_LENGTH, ignoreStrings: true, ignoreTemplateLiterals: true }],
    },
  },
  { files: ['**/*.mjs', '**/*.js'], extends: [tseslint.configs.disableTypeChecked] },
);
