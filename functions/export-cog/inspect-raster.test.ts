import { expect, test } from 'vitest';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { MAX_EVENT_BYTES } from '#shared/events/http.ts';
import { listImages } from './inspect-raster.ts';

const ambiguous = (layers: unknown) => new SluiceError('LAYER_AMBIGUOUS', 'several', { details: { layers } });

test('the images of a file are listed, up to a number that an event can hold', () => {
  const inspection = listImages(ambiguous(Array.from({ length: 9_000 }, (_, index) => `${index}`)));
  expect(inspection).toMatchObject({ chosen: null, problem: { code: 'LAYER_AMBIGUOUS' } });
  expect(inspection?.layers.map(({ name }) => name)).toEqual(Array.from({ length: 200 }, (_, index) => `${index}`));
  expect(Buffer.byteLength(JSON.stringify(inspection))).toBeLessThan(MAX_EVENT_BYTES);
});

test('an error without images lists none', () => expect(listImages(ambiguous(undefined))).toBeUndefined());
