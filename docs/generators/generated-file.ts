/** A file of the repository that is generated from the code. */
export interface GeneratedFile {
  /** From the root of the repository. */
  path: string;
  content: () => string | Promise<string>;
}

/** As for the other documents and the code. */
export const MAX_COLUMNS = 120;

/** The comment at the beginning of a generated Markdown file. */
export function generatedFrom(source: string): string {
  return wrapText(`<!-- Generated from ${source} by \`npm run generate\`. Do not edit. -->`, MAX_COLUMNS).join('\n');
}

/** Breaks a text between words into lines of at most `columns` characters. A longer word is a line of its own. */
export function wrapText(text: string, columns: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const line = lines.at(-1);
    if (line === undefined || line.length + 1 + word.length > columns) lines.push(word);
    else lines[lines.length - 1] = `${line} ${word}`;
  }
  return lines;
}
