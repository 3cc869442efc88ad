import { getEventListeners } from 'node:events';

/**
 * How many objects a signal refers to: its listeners, and the signals that AbortSignal.any derived from it. Node keeps
 * the latter in a set that is not part of its API.
 */
export function signalReferences(signal: AbortSignal): number {
  const key = Object.getOwnPropertySymbols(signal).find(({ description }) => description === 'kDependantSignals');
  const derived = key === undefined ? undefined : (signal as unknown as Record<symbol, Set<unknown> | undefined>)[key];
  return getEventListeners(signal, 'abort').length + (derived?.size ?? 0);
}
