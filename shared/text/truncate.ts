/** The first characters of a text that fit into `maxBytes` of UTF-8. */
export function truncateToBytes(text: string, maxBytes: number): string {
  // The time does not depend on the length of the text: each of its UTF-16 units has at least one byte.
  const bytes = Buffer.from(text.slice(0, maxBytes));
  let end = Math.min(bytes.length, maxBytes);
  // A byte 10xxxxxx continues a character.
  while (end > 0 && end < bytes.length && ((bytes[end] ?? 0) & 0xc0) === 0x80) end -= 1;
  return bytes.toString('utf8', 0, end);
}

/**
 * The text without the characters of `unwanted` at its end. The expression `/[…]+$/` would take time that grows with
 * the square of a long run of these characters in the middle of the text.
 */
export function trimEndOf(text: string, unwanted: string): string {
  let end = text.length;
  while (end > 0 && unwanted.includes(text[end - 1] ?? '')) end--;
  return text.slice(0, end);
}
