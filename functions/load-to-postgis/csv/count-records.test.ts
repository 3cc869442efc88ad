import { expect, test } from 'vitest';
import { countRecords } from './count-records.ts';

async function* cut(text: string, size: number): AsyncGenerator<Buffer> {
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; at += size) yield await Promise.resolve(bytes.subarray(at, at + size));
}

test.each<[string, string, number, number?]>([
  ['plain lines, the last without its end', 'x,y\n1,2\n3,4', 3],
  ['blank lines and CR LF', 'x,y\r\n\r\n1,2\r\n \r\n3,4\r\n\r\n', 3],
  ['CR alone', 'x\r1\r2\r', 3],
  ['line breaks in quotes', 'x;y\n"a\nb";1\n"c\r\nd";"e\n\nf"\n', 3],
  ['doubled quotes', 'x,y\n"a ""b""\n""c""",1\n"""",2\n', 3],
  ['a space before a quote', 'x, y\n1, "a\nb"\n', 2],
  ['quotes within values', 'x,y\n1,5" pipe\n2,6" pipe\n3,a "b" c\n', 4],
  ['a quote that is never closed', 'x,y\n1,"a\nb"\n2,"c\n3,d\n', 3, 4],
  ['nothing', '', 0],
])('%s', async (_name, text, records, openQuoteLine) => {
  for (const size of [1, 2, 3, 1000])
    expect(await countRecords(cut(text, size)), `chunks of ${size}`).toEqual({ records, openQuoteLine });
});
