/** Error codes of Node.js: the disk is full, or the user has reached the quota. */
const CODES = new Set(['ENOSPC', 'EDQUOT']);
/** The texts of libc for these codes, which programs and libraries repeat in their messages. */
const TEXTS = /No space left on device|Disk quota exceeded/i;

/** Whether an error means that the disk is full. */
export function isDiskFull(thrown: unknown): boolean {
  const { code, message } = (thrown ?? {}) as { code?: unknown; message?: unknown };
  return (typeof code === 'string' && CODES.has(code)) || (typeof message === 'string' && reportsFullDisk(message));
}

/** Whether the message of a program means that the disk is full. */
export function reportsFullDisk(text: string): boolean {
  return TEXTS.test(text);
}
