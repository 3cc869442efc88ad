import { describe, expect, test } from 'vitest';
import { unwrapLine, unwrapPolygon } from './antimeridian.ts';

describe('unwrapLine', () => {
  test('continues beyond 180 and returns', () => {
    const line = unwrapLine([
      [170, 60],
      [-175, 61],
      [-179, 62],
      [175, 63],
    ]);
    expect(line.map(([longitude]) => longitude)).toEqual([170, 185, 181, 175]);
  });

  test('continues beyond -180', () => {
    const line = unwrapLine([
      [-179, 0],
      [179, 1],
    ]);
    expect(line).toEqual([
      [-179, 0],
      [-181, 1],
    ]);
  });

  test('does not change a line that does not cross longitude 180', () => {
    const line = [
      [-90, 0],
      [90, 1],
    ];
    expect(unwrapLine(line)).toEqual(line);
  });
});

describe('unwrapPolygon', () => {
  test('closes a ring around the south pole along latitude -90', () => {
    const coast = [
      [-180, -70],
      [-90, -75],
      [0, -70],
      [90, -65],
      [-180, -70],
    ];
    expect(unwrapPolygon([coast])).toEqual([
      [
        [-180, -70],
        [-90, -75],
        [0, -70],
        [90, -65],
        [180, -70],
        [180, -90],
        [-180, -90],
        [-180, -70],
      ],
    ]);
  });

  test('leaves out the pole as a hole', () => {
    const around = (latitude: number) => [-180, -90, 0, 90, -180].map((longitude) => [longitude, latitude]);
    expect(unwrapPolygon([around(-70), around(-89.999)])).toHaveLength(1);
  });

  test('moves a hole to the longitudes of its outer ring', () => {
    const square = (west: number, east: number) => [
      [west, 0],
      [east, 0],
      [east, 9],
      [west, 9],
      [west, 0],
    ];
    const [outer, hole] = unwrapPolygon([square(170, -160), square(-170, -165)]);
    expect(outer).toEqual(square(170, 200));
    expect(hole).toEqual(square(190, 195));
  });
});
