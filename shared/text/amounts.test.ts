import { expect, test } from 'vitest';
import { counted, formatBytes, formatCount, formatSeconds, formatTime } from './amounts.ts';

test.each([
  [0, '0 bytes'],
  [999, '999 bytes'],
  [1000, '1.0 kB'],
  [1_234_567, '1.2 MB'],
  [5e12, '5.0 TB'],
  [5e16, '50000.0 TB'],
])('%d bytes', (bytes, text) => expect(formatBytes(bytes)).toBe(text));

test.each([
  [0.004, '0.00 s'],
  [1.234, '1.23 s'],
  [12.34, '12.3 s'],
  [125, '2 min 5 s'],
  [119.7, '2 min 0 s'],
  [7260, '2 h 1 min'],
])('%d seconds', (seconds, text) => expect(formatSeconds(seconds)).toBe(text));

test('counts and times', () => {
  expect(formatCount(1_234_567)).toBe('1,234,567');
  expect([counted(0, 'feature'), counted(1, 'feature')]).toEqual(['0 features', '1 feature']);
  expect(formatTime('2025-03-01T10:15:30.123Z')).toBe('2025-03-01 10:15:30');
});
