import { createRequire } from 'node:module';

const { version } = createRequire(import.meta.url)('../../package.json') as { version: string };

/** The version of Sluice, kept with each asset. */
export const SLUICE_VERSION = version;
