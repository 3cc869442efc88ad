/** A file of the repository that is generated from the code. */
export interface GeneratedFile {
  /** From the root of the repository. */
  path: string;
  content: () => string | Promise<string>;
}

/** The first line of a generated Markdown file. */
export function generatedFrom(source: string): string {
  return `<!-- Generated from ${source} by \`npm run generate\`. Do not edit. -->`;
}
