import tseslint from 'typescript-eslint';

export default tseslint.config(
  { ignores: ['node_modules/', '.sluice/', '.sluice-test/', 'dist/', 'build/', 'dashboard/'] },
  ...tseslint.configs.recommended,
  {
    rules: {
      // A name that starts with _ says "not used, and on purpose".
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      'no-restricted-syntax': [
        'error',
        { selector: "NewExpression[callee.name='Error']", message: 'Throw a SluiceError: it carries a stable code and says what to do.' },
      ],
    },
  },
  { files: ['**/*.test.ts', 'tests/**', 'bench/**', 'cli/*.mjs'], rules: { 'no-restricted-syntax': 'off' } },
);
