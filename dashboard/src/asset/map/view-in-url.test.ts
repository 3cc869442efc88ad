import { expect, test } from 'vitest';
import { viewInUrl, viewText } from './view-in-url.ts';

test('a view is the same after it was written to the URL', () => {
  const text = viewText({ center: [-179.123456, 8], zoom: 3.456 });
  expect(text).toBe('-179.12346,8,3.46');
  expect(viewInUrl(`?sort=a&map=${encodeURIComponent(text)}`)).toEqual({ center: [-179.12346, 8], zoom: 3.46 });
});

test.each([
  '',
  '?map=',
  '?map=1,2',
  '?map=1,2,3,4',
  '?map=,2,3',
  '?map=a,2,3',
  '?map=1,91,3',
  '?map=1,2,-1',
  '?map=1,2,1e9',
])('%j has no view', (search) => expect(viewInUrl(search)).toBeUndefined());
