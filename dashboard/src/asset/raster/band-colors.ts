import { RAMP } from './color-ramp.ts';
import type { Legend, RasterInput } from './messages.ts';

type Band = RasterInput['bands'][number];

/** Which bands are read, and how a pixel of them becomes red, green, blue and alpha. */
export interface Coloring {
  /** Numbers of the bands, from 0. */
  samples: number[];
  /** Bands that exist, or fewer. Also used for the value of nodata. */
  bands: Band[];
  legend: Legend;
  /** Writes four bytes at `target`. `values` are the values of the read bands. */
  paint: (values: number[], pixels: Uint8ClampedArray, target: number) => void;
}

/** Values beyond this many standard deviations from the mean have the color of the end of the ramp. */
const DEVIATIONS = 2;
const OPAQUE = 255;
const BYTE = 255;

/** `palette`: red of all entries, then green and blue, 0 to 65535. */
export function chooseColoring(bands: Band[], palette: ArrayLike<number> | undefined): Coloring {
  const [first] = bands;
  if (palette && first) return paletteColoring([first], palette);
  const rgb = ['Red', 'Green', 'Blue'].map((name) => bands.findIndex((band) => band.color_interpretation === name));
  return rgb.every((index) => index >= 0) ? rgbColoring(bands, rgb) : rampColoring(bands);
}

function range({ statistics }: Band): [number, number] {
  if (!statistics) return [0, 1];
  const { minimum, maximum, mean, stddev } = statistics;
  const low = Math.max(minimum, mean - DEVIATIONS * stddev);
  const high = Math.min(maximum, mean + DEVIATIONS * stddev);
  return low < high ? [low, high] : [minimum, maximum];
}

function paletteColoring(bands: Band[], palette: ArrayLike<number>): Coloring {
  const size = palette.length / 3;
  return {
    samples: [0],
    bands,
    legend: { kind: 'palette' },
    paint: ([value = 0], pixels, target) => {
      for (let channel = 0; channel < 3; channel++)
        pixels[target + channel] = (palette[channel * size + value] ?? 0) >> 8;
      pixels[target + 3] = value < size ? OPAQUE : 0;
    },
  };
}

function rgbColoring(all: Band[], rgb: number[]): Coloring {
  const alpha = all.findIndex((band) => band.color_interpretation === 'Alpha');
  const samples = alpha >= 0 ? [...rgb, alpha] : rgb;
  const bands = samples.map((index) => all[index]).filter((band) => band !== undefined);
  const ranges = bands.map((band) => (band.data_type === 'Byte' ? [0, BYTE] : range(band)));
  return {
    samples,
    bands,
    legend: { kind: 'rgb' },
    paint: (values, pixels, target) => {
      for (let channel = 0; channel < 3; channel++) {
        const [low = 0, high = BYTE] = ranges[channel] ?? [];
        pixels[target + channel] = (((values[channel] ?? 0) - low) / (high - low || 1)) * BYTE;
      }
      const [low = 0, high = BYTE] = ranges[3] ?? [];
      pixels[target + 3] = alpha < 0 ? OPAQUE : (((values[3] ?? 0) - low) / (high - low || 1)) * BYTE;
    },
  };
}

function rampColoring(all: Band[]): Coloring {
  const bands = all.slice(0, 1);
  const [band] = bands;
  const [low, high] = band ? range(band) : [0, 1];
  const [scale, offset] = [band?.scale ?? 1, band?.offset ?? 0];
  const name = band?.description ?? 'Band 1';
  return {
    samples: [0],
    bands,
    legend: {
      kind: 'ramp',
      low: low * scale + offset,
      high: high * scale + offset,
      unit: band?.unit ?? '',
      band: name,
    },
    paint: ([value = 0], pixels, target) => {
      const step = Math.max(0, Math.min(BYTE, Math.round(((value - low) / (high - low || 1)) * BYTE))) * 3;
      for (let channel = 0; channel < 3; channel++) pixels[target + channel] = RAMP[step + channel] ?? 0;
      pixels[target + 3] = OPAQUE;
    },
  };
}

/** Whether a value is nodata. */
export function nodataTest({ nodata }: Band): (value: number) => boolean {
  if (nodata === null) return (value) => Number.isNaN(value);
  if (nodata === 'nan') return (value) => Number.isNaN(value);
  const number = nodata === 'inf' ? Infinity : nodata === '-inf' ? -Infinity : Number(nodata);
  const single = Math.fround(number);
  return (value) => value === number || value === single || Number.isNaN(value);
}
