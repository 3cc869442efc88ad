import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** A client that sends or reads nothing for this time, although the server waits for it, is disconnected. */
export const STALL_MS = 60_000;

interface Exchange {
  request: IncomingMessage;
  response: ServerResponse;
}

/**
 * Disconnects clients that make no progress for `stallMs`: an upload of which no byte arrives, or a download of which
 * no byte is read. The duration of a request is not limited. A connection is kept while the server itself is busy.
 * With `keepSlowReaders`, downloads are not disconnected: a client that forwards them can have a slow reader itself.
 */
export function closeStalledConnections(
  server: Server,
  { stallMs = STALL_MS, keepSlowReaders = false }: { stallMs?: number; keepSlowReaders?: boolean } = {},
): void {
  const exchanges = new WeakMap<Socket, Exchange>();
  server.requestTimeout = 0; // The default limits the duration of an upload to five minutes.
  server.timeout = stallMs; // Time without a transferred byte. The timer also ends idle kept-alive connections.
  server.on('request', (request, response) => exchanges.set(request.socket, { request, response }));
  server.on('timeout', (socket: Socket) => {
    const exchange = exchanges.get(socket);
    const isUnused = exchange === undefined || (exchange.response.writableFinished && exchange.request.complete);
    const isStalled =
      exchange !== undefined && (waitsForUpload(exchange) || (!keepSlowReaders && waitsForReader(socket)));
    if (isUnused || isStalled) socket.destroy();
    else socket.setTimeout(stallMs); // A timer ends with its first event.
  });
}

/** Everything that has arrived was read, and more must arrive. */
function waitsForUpload({ request }: Exchange): boolean {
  return !request.complete && request.readableLength === 0;
}

function waitsForReader(socket: Socket): boolean {
  return socket.writableLength > 0;
}
