/** Whether an If-None-Match header contains the tag. Weak tags match, as RFC 9110, section 13.1.2 requires. */
export function matchesTag(header: string | undefined, etag: string): boolean {
  return (header ?? '').split(',').some((tag) => tag.trim() === '*' || tag.trim().replace(/^W\//, '') === etag);
}
