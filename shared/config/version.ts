import { createRequire } from 'node:module';

const { version } = createRequire(import.meta.url)('../../package.json') as { version: string };

/** Version of this Sluice, from package.json. */
export const SLUICE_VERSION = version;

/**
 * Whether the gateway and a function of these versions work together, as during a rolling upgrade: they have the same
 * major version, and their minor versions differ by at most one.
 */
export function isCompatible(one: string, other: string): boolean {
  const [major = 0, minor = 0] = numbersOf(one);
  const [otherMajor = 0, otherMinor = 0] = numbersOf(other);
  return major === otherMajor && Math.abs(minor - otherMinor) <= 1;
}

function numbersOf(text: string): number[] {
  return text.split('.', 2).map(Number);
}
