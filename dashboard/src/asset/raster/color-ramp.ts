/** Viridis: its lightness increases evenly, also for people who cannot distinguish red and green. */
const STOPS = ['#440154', '#472d7b', '#3b528b', '#2c728e', '#21918c', '#28ae80', '#5ec962', '#addc30', '#fde725'];
const SIZE = 256;

const BYTES = STOPS.map((color) => [1, 3, 5].map((start) => parseInt(color.slice(start, start + 2), 16)));

/** Red, green and blue of 256 steps. */
export const RAMP: Uint8Array = Uint8Array.from({ length: SIZE * 3 }, (_, index) => {
  const position = (Math.floor(index / 3) / (SIZE - 1)) * (STOPS.length - 1);
  const stop = Math.min(Math.floor(position), STOPS.length - 2);
  const [from, to] = [BYTES[stop]?.[index % 3] ?? 0, BYTES[stop + 1]?.[index % 3] ?? 0];
  return Math.round(from + (to - from) * (position - stop));
});

export const RAMP_STOPS = STOPS;
