/**
 * The text without the characters of `unwanted` at its end. The expression `/[…]+$/` would take time that grows with
 * the square of a long run of these characters in the middle of the text.
 */
export function trimEndOf(text: string, unwanted: string): string {
  let end = text.length;
  while (end > 0 && unwanted.includes(text[end - 1] ?? '')) end--;
  return text.slice(0, end);
}
