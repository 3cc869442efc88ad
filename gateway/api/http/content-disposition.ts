/** `attachment` with a file name of any characters: RFC 6266, with RFC 8187 for what is not ASCII. */
export function attachment(fileName: string): string {
  const ascii = fileName
    .normalize('NFKD')
    .replaceAll(/\p{M}/gu, '')
    .replaceAll(/[^\x20-\x7e]/gu, '_')
    .replaceAll(/["\\%]/g, '_');
  if (ascii === fileName) return `attachment; filename="${ascii}"`;
  // Characters that encodeURIComponent leaves alone, and that RFC 8187 does not.
  const encoded = encodeURIComponent(fileName.toWellFormed()).replaceAll(
    /['()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  return `attachment; filename="${ascii}"; filename*=UTF-8''${encoded}`;
}
