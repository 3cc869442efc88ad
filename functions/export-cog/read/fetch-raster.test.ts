import { expect, test } from 'vitest';
import { chooseImage } from './fetch-raster.ts';

test('chooses the only variable that is not a coordinate', () => {
  const images = (...layers: string[]) => layers.map((layer) => ({ kind: 'variable' as const, layer, name: layer }));
  expect(chooseImage(images('lat_bnds', 'tas', 'time_bnds'), undefined, 'f')?.layer).toBe('tas');
  expect(() => chooseImage(images('pr', 'tas'), undefined, 'f')).toThrow(
    'f has 2 variables: "pr", "tas". Name one with `layer` in the manifest.',
  );
  expect(() => chooseImage([{ kind: 'page', layer: '1', name: '1' }], '2', 'f')).toThrow(
    'f has no page "2"; it has "1".',
  );
  expect(() => chooseImage([], 'tas', 'f')).toThrow(
    'f has no variable or page "tas"; it contains one image without a name. Remove `layer`.',
  );
});
