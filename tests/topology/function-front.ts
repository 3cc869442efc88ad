import { once } from 'node:events';
import { createServer, request, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/**
 * One address for all functions, as the gateway of OpenFaaS: a request for `/NAME` goes to the process of function
 * NAME.
 */
export class FunctionFront {
  /** The port of the process of each function, and of the gateway that receives `/events`. */
  readonly ports = new Map<string, number>();
  /** What happens after the next call of a function has been sent to it. */
  readonly onCall = new Map<string, () => void>();
  /** The number of calls that have been sent to each function. */
  readonly sent = new Map<string, number>();
  #server = createServer((incoming, response) => this.#forward(incoming, response));
  #calls = new Map<string, Set<ServerResponse>>();

  static async start(): Promise<FunctionFront> {
    const front = new FunctionFront();
    front.#server.listen(0, '127.0.0.1');
    await once(front.#server, 'listening');
    return front;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Responds to the running calls of a function with 504, as at a time limit. The function is not notified. */
  giveUp(name: string): void {
    for (const response of this.#calls.get(name) ?? []) response.writeHead(504).end();
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #forward(incoming: IncomingMessage, response: ServerResponse): void {
    const name = (incoming.url ?? '').slice(1);
    const calls = this.#calls.get(name) ?? new Set();
    this.#calls.set(name, calls.add(response));
    response.on('close', () => calls.delete(response));
    const port = this.ports.get(name);
    if (port === undefined) return void response.writeHead(503).end();
    const { method = 'POST', url: path = '/', headers } = incoming;
    const outgoing = request({ port, host: '127.0.0.1', method, path, headers });
    outgoing.on('error', () => response.destroy());
    outgoing.on('response', (reply) => {
      if (response.headersSent) return void reply.resume();
      response.writeHead(reply.statusCode ?? 502, reply.headers);
      reply.pipe(response);
    });
    incoming.pipe(outgoing);
    outgoing.once('finish', () => {
      this.sent.set(name, (this.sent.get(name) ?? 0) + 1);
      this.onCall.get(name)?.();
      this.onCall.delete(name);
    });
  }
}
