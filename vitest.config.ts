import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['shared', 'functions', 'gateway', 'cli', 'tests', 'docs', 'bench'].map(
      (folder) => `${folder}/**/*.test.ts`,
    ),
    globalSetup: ['tests/global-setup.ts'],
    env: { LOG_LEVEL: 'silent' },
    // Real servers, kills and timeouts on a shared CI machine: a test that passes when it is repeated is slow, not wrong.
    retry: process.env.CI ? 2 : 0,
    testTimeout: 60_000,
    hookTimeout: 120_000,
  },
});
