import { createRequire } from 'node:module';

const { version } = createRequire(import.meta.url)('../../package.json') as { version: string };

/** Version of this Sluice, from package.json. */
export const SLUICE_VERSION = version;
