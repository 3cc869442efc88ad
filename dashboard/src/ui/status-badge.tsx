/** Glyphs, so that the badge shows the status without relying on color alone. */
const GLYPHS: Record<string, string> = {
  success: '✓',
  done: '✓',
  failure: '✕',
  failed: '✕',
  running: '●',
  canceled: '–',
  pending: '○',
};
const TONES: Record<string, string> = { done: 'success', failed: 'failure' };

/** The status of a run or of a step. */
export function StatusBadge({ status, label = status }: { status: string; label?: string }) {
  return (
    <span className="badge" data-tone={TONES[status] ?? status}>
      <span aria-hidden="true">{GLYPHS[status] ?? '•'}</span>
      {label}
    </span>
  );
}
