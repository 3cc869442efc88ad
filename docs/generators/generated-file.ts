/** A file of the repository that is made from the code. */
export interface GeneratedFile {
  /** From the root of the repository. */
  path: string;
  content: () => string | Promise<string>;
}

/** The first line of a generated Markdown file. */
export function generatedFrom(source: string): string {
  return `<!-- Made from ${source} by \`npm run generate\`. Change that, not this. -->`;
}
