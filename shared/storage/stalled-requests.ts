import { Agent, type AgentOptions, type ClientRequest, type IncomingMessage } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import type { Socket } from 'node:net';

/** Adds a request to an agent. The types of Node.js omit this method. */
interface RequestQueue {
  addRequest(request: ClientRequest, ...options: unknown[]): void;
}

/**
 * An agent for HTTP or HTTPS whose requests fail with a TimeoutError if the server makes no progress for `stallMs`: it
 * does not read the body, or does not send its response. Pauses of this process are not limited: the source of an
 * upload, or the reader of a download, may be slow.
 */
export function createAgent(protocol: 'http:' | 'https:', options: AgentOptions, stallMs: number): Agent {
  const agent = protocol === 'https:' ? new HttpsAgent(options) : new Agent(options);
  const queue = agent as unknown as RequestQueue;
  const addRequest = queue.addRequest.bind(agent);
  queue.addRequest = (request, ...rest) => {
    request.once('socket', (socket: Socket) => watch(request, socket, stallMs));
    addRequest(request, ...rest);
  };
  return agent;
}

function watch(request: ClientRequest, socket: Socket, stallMs: number): void {
  let response: IncomingMessage | undefined;
  request.once('response', (received) => {
    response = received;
  });
  const onTimeout = () => {
    if (waitsForServer(request, response, socket))
      request.destroy(new DOMException(`The server made no progress for ${stallMs / 1000} s.`, 'TimeoutError'));
    else socket.setTimeout(stallMs); // A timer ends with its first event.
  };
  socket.on('timeout', onTimeout);
  socket.setTimeout(stallMs);
  request.once('close', () => socket.off('timeout', onTimeout));
}

function waitsForServer(request: ClientRequest, response: IncomingMessage | undefined, socket: Socket): boolean {
  if (socket.writableLength > 0) return true;
  if (response === undefined) return request.writableEnded;
  return !response.complete && response.readableLength === 0;
}
