/** What a library or a program says of a failure, to stand within a sentence of ours: without the full stop of its own. */
export function reasonOf(thrown: unknown): string {
  const said = thrown instanceof Error ? thrown.message || thrown.name : String(thrown);
  return said.replace(/[\s.;:,]+$/, '');
}
