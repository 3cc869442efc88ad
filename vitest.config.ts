import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['shared', 'functions', 'gateway', 'cli', 'tests', 'docs', 'bench'].map((folder) => `${folder}/**/*.test.ts`),
    globalSetup: ['tests/global-setup.ts'],
    env: { LOG_LEVEL: 'silent' },
    testTimeout: 60_000,
    hookTimeout: 120_000,
  },
});
