import { once } from 'node:events';
import type { Server } from 'node:http';

/** Stops accepting connections, waits `drainMs` for running requests, and then closes their connections. */
export async function closeServer(server: Server, drainMs: number): Promise<void> {
  const closed = once(server, 'close');
  server.close();
  server.closeIdleConnections();
  const timer = setTimeout(() => server.closeAllConnections(), drainMs);
  await closed;
  clearTimeout(timer);
}
