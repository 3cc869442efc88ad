/** The names that `isSystemFile` of `shared/landing/source-parts.ts` has: no code of the server is bundled. */
const SYSTEM_FILE = /(?:^|\/)(?:__MACOSX(?:\/|$)|(?:\._[^/]*|\.DS_Store|Thumbs\.db|desktop\.ini)$)/i;

/** Whether macOS or Windows added a file to a folder or an archive. `name` is its name, with or without folders. */
export function isSystemFile(name: string): boolean {
  return SYSTEM_FILE.test(name);
}
