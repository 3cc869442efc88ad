/** Replaces the table of a document, from its header to the first empty line. */
export function replaceTable(document: string, table: string): string {
  return document.replace(/^\| image \|[^]*?\n(?=\n|$)/m, () => `${table}\n`);
}
