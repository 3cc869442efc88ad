/** The page that opens after a login by default. */
export const START = '/ui/';

/** A path of this gateway: a URL of another site would lead users who have just logged in to it. */
export function nextPage(next: string | undefined): string {
  if (next === undefined || !next.startsWith('/')) return START;
  const base = 'http://gateway.invalid';
  const url = URL.parse(next, base);
  if (url === null || url.origin !== base || /^\/(?:\/|login)/.test(url.pathname)) return START;
  return url.pathname + url.search;
}
