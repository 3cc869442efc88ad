import { once } from 'node:events';
import { connect, createServer, type NetConnectOpts, type Server, type Socket } from 'node:net';
import type { AddressInfo } from 'node:net';

/** A network between clients and a server. It can be cut, or lose everything that is sent. */
export class TcpProxy {
  #server: Server;
  #target: NetConnectOpts;
  #state: 'open' | 'cut' | 'held' = 'open';
  #refused = 0;
  #sockets = new Set<Socket>();
  /** Connections that were accepted while the network was held. */
  #waiting: Socket[] = [];

  private constructor(target: NetConnectOpts) {
    this.#target = target;
    this.#server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (client) => this.#accept(client));
  }

  static async start(target: NetConnectOpts): Promise<TcpProxy> {
    const proxy = new TcpProxy(target);
    proxy.#server.listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** The number of new connections that were closed because the network was cut. */
  get refused(): number {
    return this.#refused;
  }

  /** Closes all connections, and every new one. */
  cut(): void {
    this.#state = 'cut';
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Lets nothing pass in either direction. Clients and server keep their connections. */
  hold(): void {
    this.#state = 'held';
    for (const socket of this.#sockets) socket.pause();
  }

  /** Lets everything pass. What was sent while the network was held arrives now. */
  open(): void {
    this.#state = 'open';
    for (const socket of this.#sockets) socket.resume();
    for (const client of this.#waiting.splice(0)) this.#connect(client);
  }

  async close(): Promise<void> {
    for (const socket of [...this.#sockets, ...this.#waiting]) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #accept(client: Socket): void {
    client.on('error', () => undefined);
    if (this.#state === 'cut') {
      this.#refused += 1;
      client.destroy();
    } else if (this.#state === 'held') this.#waiting.push(client);
    else this.#connect(client);
  }

  #connect(client: Socket): void {
    const server = connect({ ...this.#target, allowHalfOpen: true });
    server.on('error', () => client.destroy());
    for (const [from, to] of [
      [client, server],
      [server, client],
    ] as const) {
      this.#sockets.add(from);
      from.on('data', (chunk) => to.write(chunk));
      from.on('end', () => to.end());
      from.on('close', () => {
        this.#sockets.delete(from);
        to.destroy();
      });
    }
    client.resume();
  }
}
