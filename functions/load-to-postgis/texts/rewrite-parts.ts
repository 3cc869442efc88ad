/** A longer text between two tags is cut anywhere. */
const MAX_TAG_CHARACTERS = 4096;
/** Number of characters before a part that the function that rewrites the part receives. */
export const BEFORE_CHARACTERS = 3;

/**
 * Rewrites a document in parts that end before a tag. A start tag and the text after it are in one part. The characters
 * are bytes (Latin-1), because markup is ASCII. `before` are the last BEFORE_CHARACTERS characters before a part.
 */
export async function* rewriteParts(
  chunks: AsyncIterable<Buffer>,
  rewrite: (text: string, before: string) => string,
): AsyncGenerator<Buffer> {
  let rest = '';
  let before = '';
  for await (const chunk of chunks) {
    const text = rest + chunk.toString('latin1');
    const end = endOfPart(text);
    const part = text.slice(0, end);
    yield Buffer.from(rewrite(part, before), 'latin1');
    before = (before + part.slice(-BEFORE_CHARACTERS)).slice(-BEFORE_CHARACTERS);
    rest = text.slice(end);
  }
  yield Buffer.from(rewrite(rest, before), 'latin1');
}

/** The position of the last tag but one. */
function endOfPart(text: string): number {
  const last = text.lastIndexOf('<');
  const previous = last < 1 ? last : text.lastIndexOf('<', last - 1);
  const isNear = (tag: number) => tag >= 0 && text.length - tag < MAX_TAG_CHARACTERS;
  return isNear(previous) ? previous : isNear(last) ? last : text.length;
}
