import { validateHeaderValue } from 'node:http';
import { isIP } from 'node:net';
import { resolve, sep } from 'node:path';
import { z } from 'zod';
import { MAX_IDENTIFIER_BYTES, SYSTEM_COLUMNS } from '#shared/contracts/column-names.ts';

/** Rules of single environment variables. Each rule completes the sentence "VARIABLE is VALUE, but …". */

export const oneOf = <const V extends readonly string[]>(values: V) =>
  z.enum(values, `must be one of ${values.join(', ')}`);

export const optional = z.string().trim().min(1).optional();

const NO_USER = 'must not contain a user or password, because URLs are logged';

/** Paths are appended to these URLs. */
export const httpUrl = z
  .string()
  .trim()
  .refine(isHttpUrl, 'must be a URL such as http://127.0.0.1:8080')
  .refine((url) => !namesUser(url), NO_USER)
  .optional();

/** As httpUrl, with a query: webhooks of chat services have one. */
export const webhookUrl = z
  .string()
  .trim()
  .refine((url) => /^https?:\/\/[^#]*$/.test(url) && URL.canParse(url), 'must be an http or https URL')
  .refine((url) => !namesUser(url), NO_USER)
  .optional();

export const port = (value: number) => wholeNumber(value, 0, 65535);

/** A whole number from `min` to `max`. `value` is the default. */
export function wholeNumber(value: number, min: number, max: number) {
  const rule = `must be a whole number from ${min} to ${max}`;
  return z.coerce.number(rule).int(rule).min(min, rule).max(max, rule).default(value);
}

/** General purpose buckets of S3, whose names s3rver also uses as folder names. */
export const bucketName = z
  .string()
  .refine(
    isBucketName,
    'must be a bucket name: 3 to 63 lowercase letters, digits, hyphens and dots, with a letter or digit before and ' +
      'after each dot, and not an IP address',
  );

export const hostName = z.string().trim().refine(isHostName, 'must be an IP address or a host name, such as 127.0.0.1');

export const folder = z
  .string()
  .trim()
  .refine((path) => resolve(path) !== sep, 'must be a folder other than the root folder');

/** Text that HTTP headers can carry. */
export const headerText = z
  .string()
  .trim()
  .regex(/^[\x21-\x7e]+$/, 'must consist of visible ASCII characters without spaces');

/** `name=value,name=value`, with percent-encoded values. */
export const headerList = headerText.refine(
  isHeaderList,
  'must be a list such as authorization=Bearer%20TOKEN,x-scope=gis, with percent-encoded values',
);

const LOOPBACK_ADDRESSES = new Set(['127.0.0.1', 'localhost', '::1', '[::1]']);

/** Whether only this machine can connect to the address. */
export function isLoopbackHost(host: string): boolean {
  return LOOPBACK_ADDRESSES.has(host);
}

/** Part of the scope of a signature, in which `/` and `,` separate the parts. */
export const signatureText = headerText.regex(/^[^/,=]+$/, 'must not contain the characters / , and =');

const POSTGRES_URL = /^postgres(?:ql)?:\/\/\S+$/;

export const databaseSetting = z
  .string()
  .trim()
  .regex(POSTGRES_URL, 'must be a URL such as postgresql://user:password@127.0.0.1:5432/database')
  .optional();

/** URLs of PostgreSQL, separated by white space. libpq reads commas in the host as alternative hosts of one server. */
export const postgisUrls = z
  .string()
  .trim()
  .refine(
    (urls) => urls.split(/\s+/).every(isServerUrl),
    'must be a URL such as postgresql://user:password@127.0.0.1:5432/database, or several separated by spaces',
  )
  .optional();

export const ledgerUrl = z
  .string()
  .trim()
  .regex(
    /^(?:postgres(?:ql)?|mongodb(?:\+srv)?):\/\/\S+$/,
    'must be a URL such as mongodb://user:password@127.0.0.1:27017/sluice?replicaSet=rs0 or a postgresql:// URL',
  )
  .optional();

/** `{name}` is the name of a function. */
export const functionUrl = z
  .string()
  .trim()
  .refine(
    (template) => template.includes('{name}') && isHttpUrl(template.replaceAll('{name}', 'name')),
    'must be a URL with {name}, such as http://{name}:8080',
  )
  .refine((template) => !namesUser(template), NO_USER)
  .optional();

/** Amazon resource names of webhook targets, comma-separated. */
export const webhookArns = z
  .string()
  .refine(
    (list) => list.split(',').every((arn) => /^arn:[^:\s]+:sqs:[^:\s]*:[^:\s]+:webhook$/.test(arn.trim())),
    'must be a comma-separated list of ARNs such as arn:minio:sqs::SLUICE_QUEUED:webhook',
  );

/** System columns of PostgreSQL and columns of Sluice, which a geometry column would replace. */
const RESERVED_NAMES = new Set<string>(['bbox', ...SYSTEM_COLUMNS]);

export const geometryColumn = z
  .string()
  .refine(
    (name) =>
      name.trim() === name &&
      Buffer.byteLength(name) <= MAX_IDENTIFIER_BYTES &&
      !/\p{C}/u.test(name) &&
      !name.toLowerCase().startsWith('sluice') &&
      !RESERVED_NAMES.has(name.toLowerCase()),
    `must be a column name of at most ${MAX_IDENTIFIER_BYTES} bytes that is not reserved ` +
      `(sluice…, ${[...RESERVED_NAMES].join(', ')})`,
  );

/** Also false for URLs that commas separate, and for the alternative hosts of libpq. */
function isServerUrl(url: string): boolean {
  return POSTGRES_URL.test(url) && url.split('://').length === 2 && !hostOf(url).includes(',');
}

/** The host and port of a URL, after the user and the password. */
function hostOf(url: string): string {
  const authority = /\/\/([^/?]*)/.exec(url)?.[1] ?? '';
  return authority.slice(authority.lastIndexOf('@') + 1);
}

/** Whether the text is a URL with a user or password. Also true for a URL that cannot be parsed. */
export function namesUser(text: string): boolean {
  return /:\/\/[^/?#]*@/.test(text);
}

function isHttpUrl(text: string): boolean {
  const url = URL.parse(text);
  return url !== null && /^https?:$/.test(url.protocol) && url.search === '' && url.hash === '';
}

/** Whether percent-encoded UTF-8 is the value of a header that Node.js sends. */
function isEncodedHeaderValue(text: string): boolean {
  try {
    validateHeaderValue('value', decodeURIComponent(text));
    return true;
  } catch {
    return false;
  }
}

function isHeaderList(text: string): boolean {
  return text.split(',').every((pair) => {
    const [, value] = /^[\w-]+=(.+)$/.exec(pair) ?? [];
    return value !== undefined && isEncodedHeaderValue(value);
  });
}

/** https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html */
function isBucketName(name: string): boolean {
  return name.length >= 3 && name.length <= 63 && isIP(name) === 0 && name.split('.').every(isLowerLabel);
}

function isLowerLabel(label: string): boolean {
  return /^[a-z\d-]+$/.test(label) && !label.startsWith('-') && !label.endsWith('-');
}

function isHostName(text: string): boolean {
  return isIP(text) !== 0 || (text.length <= 253 && text.toLowerCase().split('.').every(isLowerLabel));
}
