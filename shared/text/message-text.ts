/** Replaces control characters in text of files and servers, because they would control the terminal. */
export function printable(text: string): string {
  return text.replaceAll(/[\u0000-\u001f\u007f-\u009f]/g, '\ufffd');
}

/** The message of an error of a library or program, without a final full stop, for use inside a sentence. */
export function reasonOf(thrown: unknown): string {
  const message = thrown instanceof Error ? thrown.message || thrown.name : String(thrown);
  return message.replace(/[\s.;:,]+$/, '');
}
