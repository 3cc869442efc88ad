import { createCipheriv, pbkdf2Sync, randomBytes } from 'node:crypto';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import type { S3Client } from '@aws-sdk/client-s3';
import { SignatureV4 } from '@smithy/signature-v4';
import type { PolicyDocument } from '#shared/storage/access-roles.ts';
import { asSluiceError, SluiceError } from '#shared/errors/sluice-error.ts';
import { connectionError } from '#shared/storage/s3-errors.ts';

// The five requests of MinIO's admin API that create users. No maintained npm package has them, and `mc` is rarely
// installed; Node.js and the signer of the AWS SDK suffice.

const API = '/minio/admin/v3';
/** Characters of a reply that a message repeats. */
const MAX_REASON = 200;

/** A user of MinIO. */
export interface MinioUser {
  enabled: boolean;
  policies: string[];
  /** Groups, whose policies also apply. */
  groups: string[];
}

interface AdminRequest {
  method: 'GET' | 'PUT';
  operation: string;
  query: Record<string, string>;
  body?: string | Buffer;
}

/** MinIO's admin API, with the key and the connections of an S3 client. Throws as documented at `#send`. */
export class MinioAdmin {
  readonly #client: S3Client;
  readonly #endpoint: URL;

  constructor(client: S3Client, endpoint: string) {
    this.#client = client;
    this.#endpoint = new URL(endpoint);
  }

  /** Whether the server has this API. The request needs no key. Throws STORE_UNAVAILABLE. */
  async exists(): Promise<boolean> {
    const { statusCode, body } = await this.#handle(this.#request('GET', '/minio/health/live', {}));
    if (/HTTPS (?:server|port)/.test((await text(body)).slice(0, MAX_REASON)))
      throw new SluiceError(
        'STORE_UNAVAILABLE',
        'The object store accepts only HTTPS connections. Check S3_ENDPOINT, which begins with http:.',
        { details: { certificate: 'HTTPS' } },
      );
    return statusCode === 200;
  }

  /** Undefined if the user does not exist. */
  async findUser(accessKey: string): Promise<MinioUser | undefined> {
    const user = await this.#find({ method: 'GET', operation: 'user-info', query: { accessKey } });
    if (user === undefined) return undefined;
    const { status, policyName, memberOf } = user as { status?: string; policyName?: string; memberOf?: string[] };
    return {
      enabled: status === 'enabled',
      policies: (policyName ?? '').split(',').filter(Boolean),
      groups: memberOf ?? [],
    };
  }

  /** Creates a user, or sets the secret key of an existing one and enables it. */
  async putUser(accessKey: string, secretKey: string): Promise<void> {
    const { secretAccessKey } = await this.#client.config.credentials();
    const body = encrypt(secretAccessKey, JSON.stringify({ secretKey, status: 'enabled' }));
    await this.#send({ method: 'PUT', operation: 'add-user', query: { accessKey }, body });
  }

  /** Undefined if the policy does not exist. */
  findPolicy(name: string): Promise<unknown> {
    return this.#find({ method: 'GET', operation: 'info-canned-policy', query: { name } });
  }

  async putPolicy(name: string, policy: PolicyDocument): Promise<void> {
    const body = JSON.stringify(policy);
    await this.#send({ method: 'PUT', operation: 'add-canned-policy', query: { name }, body });
  }

  /** Replaces all policies of a user. */
  async attachPolicy(policyName: string, accessKey: string): Promise<void> {
    const query = { policyName, userOrGroup: accessKey, isGroup: 'false' };
    await this.#send({ method: 'PUT', operation: 'set-user-or-group-policy', query });
  }

  async #find(request: AdminRequest): Promise<unknown> {
    const reply = await this.#send(request, ['XMinioAdminNoSuchUser', 'XMinioAdminNoSuchPolicy']);
    if (reply === undefined) return undefined;
    try {
      return JSON.parse(reply) as unknown;
    } catch (cause) {
      const text = `The response to ${request.operation} is not that of MinIO. Check that S3_ENDPOINT is its address.`;
      throw new SluiceError('SETUP_FAILED', text, { cause });
    }
  }

  /**
   * The body of the reply; undefined for an error of `expected`. Throws STORE_UNAVAILABLE, STORE_DENIED for a key
   * without the rights of an administrator, and SETUP_FAILED with the reason of the server.
   */
  async #send(request: AdminRequest, expected: string[] = []): Promise<string | undefined> {
    const { method, operation, query, body = '' } = request;
    const { credentials, region, sha256 } = this.#client.config;
    const signer = new SignatureV4({ service: 's3', uriEscapePath: false, credentials, region, sha256 });
    const signed = await signer.sign(this.#request(method, `${API}/${operation}`, query, body));
    const response = await this.#handle(signed as StoreRequest);
    const reply = await text(response.body);
    if (response.statusCode < 300) return reply;
    const error = parseError(reply);
    if (expected.includes(error.Code)) return undefined;
    throw adminError(request, response.statusCode, error);
  }

  #request(method: string, path: string, query: Record<string, string>, body: string | Buffer = ''): StoreRequest {
    const { protocol, hostname, port, host } = this.#endpoint;
    const headers = { host, 'content-length': String(Buffer.byteLength(body)) };
    return { protocol, hostname, path, method, query, headers, body, ...(port === '' ? {} : { port: Number(port) }) };
  }

  async #handle(request: StoreRequest): Promise<StoreResponse> {
    try {
      const { requestHandler } = this.#client.config;
      const { response } = (await requestHandler.handle(request as never)) as { response: StoreResponse };
      return response;
    } catch (thrown) {
      throw connectionError(thrown, request.path) ?? asSluiceError(thrown);
    }
  }
}

interface StoreRequest {
  protocol: string;
  hostname: string;
  port?: number;
  path: string;
  method: string;
  query: Record<string, string>;
  headers: Record<string, string>;
  body: string | Buffer;
}

interface StoreResponse {
  statusCode: number;
  body: Readable;
}

interface AdminError {
  Code: string;
  Message: string;
}

function parseError(reply: string): AdminError {
  try {
    const { Code = '', Message = '' } = JSON.parse(reply) as Partial<AdminError>;
    return { Code, Message };
  } catch {
    return { Code: '', Message: reply.slice(0, MAX_REASON) };
  }
}

function adminError({ operation, query }: AdminRequest, status: number, { Code, Message }: AdminError): SluiceError {
  const details = { operation, query, status, code: Code };
  const what = `${operation} (${Object.values(query).join(', ')})`;
  const reason = [Code, Message].filter(Boolean).join(': ') || String(status);
  if (status >= 500 || status === 429)
    return new SluiceError('STORE_UNAVAILABLE', `MinIO could not execute ${what}: ${reason}`, { details });
  if (status === 401 || status === 403)
    return new SluiceError(
      'STORE_DENIED',
      `MinIO rejected ${what} with the key of S3_ADMIN_ACCESS_KEY_ID: ${reason} ` +
        'Use the root user of MinIO, or a user with the policy consoleAdmin.',
      { details },
    );
  return new SluiceError('SETUP_FAILED', `MinIO rejected ${what}: ${reason}`, { details });
}

const SALT_BYTES = 32;
/** The number of the method that derives the key by PBKDF2 and encrypts with AES-256 in GCM mode. */
const PBKDF2_AES_GCM = 2;
const PBKDF2_ITERATIONS = 8192;
const KEY_BYTES = 32;
const NONCE_BYTES = 12;
/** The last bytes of a nonce are the number of the package. */
const COUNTER_BYTES = 4;
const LAST_PACKAGE = 0x80;

/**
 * Encrypts the body of an admin request with the secret key of the sender, as MinIO requires: salt, method, nonce, and
 * one package of up to 16 KiB in the DARE format of github.com/secure-io/sio-go.
 */
export function encrypt(password: string, plain: string): Buffer {
  const salt = randomBytes(SALT_BYTES);
  const nonce = randomBytes(NONCE_BYTES - COUNTER_BYTES);
  const key = pbkdf2Sync(password, salt, PBKDF2_ITERATIONS, KEY_BYTES, 'sha256');
  const seal = (counter: number, data: string, associated: Buffer): Buffer => {
    const counterBytes = Buffer.alloc(COUNTER_BYTES);
    counterBytes.writeUInt32LE(counter);
    const cipher = createCipheriv('aes-256-gcm', key, Buffer.concat([nonce, counterBytes])).setAAD(associated);
    return Buffer.concat([cipher.update(data, 'utf8'), cipher.final(), cipher.getAuthTag()]);
  };
  // Package 0 is empty. Its tag authenticates the following ones.
  const header = seal(0, '', Buffer.alloc(0));
  const last = seal(1, plain, Buffer.concat([Buffer.of(LAST_PACKAGE), header]));
  return Buffer.concat([salt, Buffer.of(PBKDF2_AES_GCM), nonce, last]);
}
