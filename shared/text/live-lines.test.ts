import { expect, test } from 'vitest';
import { LiveLines, truncate } from './live-lines.ts';

function recordingStream() {
  const stream = { columns: 12, written: '', write: (text: string) => void (stream.written += text) };
  return stream;
}

test('live lines are drawn over the previous ones, and the cursor is shown again', () => {
  const stream = recordingStream();
  const live = new LiveLines(stream, () => ['one', 'a line too long']);
  live.start();
  live.draw();
  live.draw();
  live.stop();
  const block = 'one\na line too…\n';
  expect(stream.written).toBe(`\u001b[?25l\r\u001b[J${block}\u001b[1A\u001b[1A\r\u001b[J${block}\u001b[?25h`);
});

test('cleared lines leave room for permanent output', () => {
  const stream = recordingStream();
  const live = new LiveLines(stream, () => ['one']);
  live.start();
  live.draw();
  live.clear();
  live.clear();
  live.stop();
  expect(stream.written).toBe('\u001b[?25l\r\u001b[Jone\n\u001b[1A\r\u001b[J\u001b[?25h');
});

test('lines are drawn only between start and stop', () => {
  const stream = recordingStream();
  const live = new LiveLines(stream, () => ['one']);
  live.draw();
  live.stop();
  expect(stream.written).toBe('');
});

test('a line that fits keeps its colors; a longer line loses them', () => {
  expect(truncate('\u001b[1mabc\u001b[22m', 3)).toBe('\u001b[1mabc\u001b[22m');
  expect(truncate('\u001b[1mabcd\u001b[22m', 3)).toBe('ab…');
});
