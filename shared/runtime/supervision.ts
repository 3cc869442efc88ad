import type { ErrorDocument } from '#shared/errors/sluice-error.ts';

/**
 * The messages of a function process to the gateway that supervises it (gateway/hosts), over the IPC channel of
 * Node.js: a heartbeat while the event loop runs, `ready` when calls are accepted, or the error that ends the start.
 */
export type SupervisionMessage = 'alive' | 'ready' | { failed: ErrorDocument };

/** Heartbeats that are missing for several intervals mean that the process is frozen. */
export const HEARTBEAT_MS = 1_000;

/** Sends heartbeats, and ends the process with its supervisor: no event arrives any more. */
export function sendHeartbeats(): void {
  process.once('disconnect', () => process.exit(1));
  setInterval(() => sendToSupervisor('alive'), HEARTBEAT_MS).unref();
}

/** Has no effect in a process without a supervisor. */
export function sendToSupervisor(message: SupervisionMessage): void {
  if (process.connected) process.send?.(message, () => undefined); // The channel may close meanwhile.
}
