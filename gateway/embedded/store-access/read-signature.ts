/** The signature that a request to the embedded object store carries, in its Authorization header or in its URL. */

/** A request as it was received. */
export interface ReceivedRequest {
  method: string;
  /** Path and query of the request, percent-encoded. */
  url: string;
  headers: Record<string, string | string[] | undefined>;
}

/** An error response of S3. */
export interface Rejection {
  status: number;
  /** Error code of S3, which clients expect. */
  code: string;
  message: string;
}

/** Query parameters, decoded. Each has at least one value. */
export type Query = Map<string, string[]>;

export interface Signature {
  presigned: boolean;
  accessKeyId: string;
  region: string;
  /** Signing time in the form 20260131T235959Z. */
  date: string;
  /** Validity of a presigned URL in seconds. */
  expiresSeconds: number;
  /** The signed headers, in lower case. */
  headerNames: Set<string>;
  /** The signature as 64 hexadecimal digits. */
  value: string;
}

const ALGORITHM = 'AWS4-HMAC-SHA256';
const VERSION_4_ONLY = `Sign requests with ${ALGORITHM} (Signature Version 4).`;
/** Largest difference between the clocks of client and server, and longest validity of a presigned URL. As in S3. */
const MAX_SKEW_MS = 15 * 60 * 1000;
const MAX_EXPIRES_SECONDS = 7 * 24 * 3600;
/** The query parameters of a presigned URL that describe its signature. */
export const PRESIGN_PARAMETERS: ReadonlySet<string> = new Set(
  ['Algorithm', 'Credential', 'Date', 'Expires', 'SignedHeaders', 'Signature'].map((name) => `X-Amz-${name}`),
);

/** The signature of a request, or the reason to reject the request. */
export function readSignature({ headers }: ReceivedRequest, query: Query): Signature | Rejection {
  const header = textOf(headers.authorization);
  const isPresigned = query.has('X-Amz-Algorithm');
  if (query.has('Signature')) return invalid('InvalidRequest', VERSION_4_ONLY);
  if (header === undefined && !isPresigned)
    return denied('AccessDenied', 'The request is not signed. The keys are in the file s3-credentials of SLUICE_HOME.');
  if (header !== undefined && isPresigned) return invalid('InvalidArgument', 'The request has two signatures.');
  if (header === undefined) return readPresigned(query);
  const signature = readAuthorization(header, textOf(headers['x-amz-date']) ?? '');
  if (headers['x-amz-content-sha256'] !== undefined || 'status' in signature) return signature;
  return invalid('InvalidRequest', 'The header x-amz-content-sha256 is missing. Its value can be UNSIGNED-PAYLOAD.');
}

/** Parses `AWS4-HMAC-SHA256 Credential=…, SignedHeaders=…, Signature=…`. */
function readAuthorization(header: string, date: string): Signature | Rejection {
  const [algorithm, rest = ''] = splitOnce(header, ' ');
  const fields = new Map(rest.split(',').map((field) => splitOnce(field.trim(), '=')));
  return signatureOf(algorithm, {
    presigned: false,
    credential: fields.get('Credential'),
    date,
    expires: '0',
    headerNames: fields.get('SignedHeaders'),
    value: fields.get('Signature'),
  });
}

function readPresigned(query: Query): Signature | Rejection {
  const valueOf = (name: string) => query.get(`X-Amz-${name}`)?.[0];
  return signatureOf(valueOf('Algorithm') ?? '', {
    presigned: true,
    credential: valueOf('Credential'),
    date: valueOf('Date') ?? '',
    expires: valueOf('Expires') ?? '',
    headerNames: valueOf('SignedHeaders'),
    value: valueOf('Signature'),
  });
}

interface SignatureFields {
  presigned: boolean;
  credential: string | undefined;
  date: string;
  expires: string;
  headerNames: string | undefined;
  value: string | undefined;
}

function signatureOf(algorithm: string, fields: SignatureFields): Signature | Rejection {
  const { presigned, credential = '', date, expires, headerNames = '', value = '' } = fields;
  if (algorithm !== ALGORITHM) return invalid('InvalidRequest', VERSION_4_ONLY);
  const [accessKeyId = '', day, region = '', service, terminator] = credential.split('/');
  const isComplete = day === date.slice(0, 8) && region !== '' && service === 's3' && terminator === 'aws4_request';
  if (!isComplete || !/^\d{8}T\d{6}Z$/.test(date) || !/^[0-9a-f]{64}$/.test(value) || !/^\d{1,9}$/.test(expires))
    return invalid('AuthorizationHeaderMalformed', 'The signature is incomplete or malformed.');
  return {
    presigned,
    accessKeyId,
    region,
    date,
    expiresSeconds: Number(expires),
    headerNames: new Set(headerNames.toLowerCase().split(';')),
    value,
  };
}

/** The reason to reject a signature of another time: 15 minutes off, or an expired URL. */
export function timeProblem({ presigned, date, expiresSeconds }: Signature, now: Date): Rejection | undefined {
  const ageMs = now.getTime() - timeOf(date).getTime();
  if (presigned && (expiresSeconds < 1 || expiresSeconds > MAX_EXPIRES_SECONDS))
    return invalid('AuthorizationQueryParametersError', `X-Amz-Expires must be from 1 to ${MAX_EXPIRES_SECONDS}.`);
  if (presigned && ageMs > expiresSeconds * 1000) return denied('AccessDenied', 'The presigned URL has expired.');
  if (Number.isNaN(ageMs) || ageMs < -MAX_SKEW_MS || (!presigned && ageMs > MAX_SKEW_MS))
    return denied('RequestTimeTooSkewed', `The signing time ${date} differs from the time of the server.`);
  return undefined;
}

/** The signing time. An invalid date if the digits are not a time. */
export function timeOf(date: string): Date {
  return new Date(date.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z'));
}

export function denied(code: string, message: string): Rejection {
  return { status: 403, code, message };
}

export function invalid(code: string, message: string): Rejection {
  return { status: 400, code, message };
}

export function splitQuery(url: string): Query {
  const parameters: Query = new Map();
  for (const [name, value] of new URLSearchParams(splitOnce(url, '?')[1] ?? '')) {
    const values = parameters.get(name);
    if (values === undefined) parameters.set(name, [value]);
    else values.push(value);
  }
  return parameters;
}

/** Splits at the first separator. The second part is undefined if there is none. */
export function splitOnce(text: string, separator: string): [string, string | undefined] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + separator.length)];
}

export function textOf(header: string | string[] | undefined): string | undefined {
  return Array.isArray(header) ? header.join(',') : header;
}
