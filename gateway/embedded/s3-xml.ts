import type { KoaContext } from './s3rver-store.ts';

/** XML of the responses of S3. */

const NAMESPACE = 'http://s3.amazonaws.com/doc/2006-03-01/';

/** Answers with a document whose root element contains `xml`. */
export function xmlResponse(context: KoaContext, root: string, xml: string): void {
  context.status = 200;
  context.res.setHeader('content-type', 'application/xml');
  context.body = `<?xml version="1.0" encoding="UTF-8"?>\n<${root} xmlns="${NAMESPACE}">${xml}</${root}>`;
}

/** `text` is escaped already. */
export function element(name: string, text: string): string {
  return `<${name}>${text}</${name}>`;
}

/** Empty without a value. */
export function optional(name: string, value: string | null | undefined, escape: (value: string) => string): string {
  return value === null || value === undefined ? '' : element(name, escape(value));
}

/** S3 writes characters that XML does not allow as references, too. Clients request URL encoding for these. */
export function escapeXml(text: string): string {
  return text.replace(/[&<>"'\u0000-\u001f]/g, (character) => `&#${character.charCodeAt(0)};`);
}
