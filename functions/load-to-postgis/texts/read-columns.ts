import { to as copyTo } from 'pg-copy-streams';
import format from 'pg-format';
import { statementFailure } from '#shared/errors/database-failure.ts';
import type { PostgisSession } from '#shared/postgis/postgis.ts';
import { ignoreError } from '#shared/text/file-streams.ts';
import type { TextFacts } from './text-facts.ts';

/** Texts are read up to this length. Longer ones have no other type. */
const MAX_CHARACTERS = 110;
const LINE_FEED = 0x0a;
const NULL = String.raw`\N`;
/** COPY writes tabs and line ends in a value with a backslash. */
const WHITE_SPACE = /\\[nrt]/g;

/** Adds all values of the columns of a table to their facts. PostgreSQL sends them as the text format of COPY. */
export async function addValues(
  session: PostgisSession,
  table: string,
  columns: readonly { name: string; facts: TextFacts }[],
  signal: AbortSignal,
): Promise<void> {
  if (columns.length === 0) return;
  const values = columns.map(({ name }) => format('left(%I, %s)', name, MAX_CHARACTERS));
  const sql = format(`copy (select ${values.join(', ')} from %I) to stdout`, table);
  const stream = session.client.query(copyTo(sql)).on('error', ignoreError) as AsyncIterable<Buffer>;
  let rest: Buffer = Buffer.alloc(0);
  try {
    for await (const chunk of stream) {
      signal.throwIfAborted();
      const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
      const end = bytes.lastIndexOf(LINE_FEED);
      rest = bytes.subarray(end + 1);
      if (end > 0) addRows(bytes.toString('utf8', 0, end), columns);
    }
  } catch (thrown) {
    throw statementFailure(thrown) ?? thrown;
  }
}

function addRows(text: string, columns: readonly { facts: TextFacts }[]): void {
  for (const row of text.split('\n')) {
    const values = row.split('\t');
    for (const [index, { facts }] of columns.entries()) {
      const value = values[index] ?? NULL;
      if (value === NULL) continue;
      facts.add(value.includes('\\') ? value.replaceAll(WHITE_SPACE, ' ') : value);
    }
  }
}
