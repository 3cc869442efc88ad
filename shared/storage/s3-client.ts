import { Agent, type AgentOptions, type ClientRequest, type IncomingMessage } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import type { Socket } from 'node:net';
import { S3Client, type S3ClientConfig } from '@aws-sdk/client-s3';
import type { Env } from '#shared/config/env.ts';
import { SluiceError } from '#shared/errors/sluice-error.ts';

/** Enough for all functions of one process. Idle sockets are reused. */
const MAX_SOCKETS = 128;
/** Time to accept a connection. Long, because the embedded store shares a process that can be busy. */
const CONNECT_TIMEOUT_MS = 10_000;
/** The SDK would print warnings on standard error. Its errors are thrown, and logged where they are handled. */
const NO_LOGGER = { trace: ignore, debug: ignore, info: ignore, warn: ignore, error: ignore };
/** Part of the User-Agent header of every request of Sluice. */
export const S3_USER_AGENT = 'sluice-object-store';
/** A request on which the store makes no progress for this time fails as transient. */
const STALL_MS = 60_000;

/**
 * Opens the S3 client of an environment, with path-style URLs because buckets have no host names. Throws CONFIG_INVALID
 * without S3_ENDPOINT and its keys. Requests above `maxSockets` wait.
 */
export function createS3Client(env: Env, maxSockets = MAX_SOCKETS): S3Client {
  return new S3Client(clientConfig(env, maxSockets));
}

/** Opens an S3 client that sends requests without a key. Throws CONFIG_INVALID without S3_ENDPOINT. */
export function createAnonymousClient(env: Env): S3Client {
  return new S3Client({ ...clientConfig(env, MAX_SOCKETS), signer: { sign: (request) => Promise.resolve(request) } });
}

function clientConfig(env: Env, maxSockets: number): S3ClientConfig {
  if (env.S3_ENDPOINT === undefined)
    throw new SluiceError(
      'CONFIG_INVALID',
      'S3_ENDPOINT is not set. Set it to the URL of the object store, such as http://127.0.0.1:9000.',
    );
  const { S3_ACCESS_KEY_ID: accessKeyId, S3_SECRET_ACCESS_KEY: secretAccessKey } = env;
  if (accessKeyId === undefined || secretAccessKey === undefined)
    throw new SluiceError('CONFIG_INVALID', 'S3_ACCESS_KEY_ID or S3_SECRET_ACCESS_KEY is not set. Set both.');
  const agent = { keepAlive: true, maxSockets };
  return {
    endpoint: env.S3_ENDPOINT,
    region: env.S3_REGION,
    credentials: { accessKeyId, secretAccessKey },
    forcePathStyle: true,
    customUserAgent: S3_USER_AGENT,
    logger: NO_LOGGER,
    requestHandler: {
      connectionTimeout: CONNECT_TIMEOUT_MS,
      // This limit of the SDK would also count pauses of this process, for example of a slow client of the gateway.
      socketTimeout: 0,
      httpAgent: createAgent('http:', agent, STALL_MS),
      httpsAgent: createAgent('https:', agent, STALL_MS),
    },
    // Sluice compares SHA-256 hashes itself. Also, s3rver would store the chunk framing of a body with a trailing
    // checksum.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
  };
}

function ignore(): void {}

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
