import { expect, test } from 'vitest';
import { attachment } from './content-disposition.ts';

test.each([
  ['roads-v1.parquet', 'attachment; filename="roads-v1.parquet"'],
  ['forêts-v2.parquet', 'attachment; filename="forets-v2.parquet"; filename*=UTF-8\'\'for%C3%AAts-v2.parquet'],
  ['道路.parquet', 'attachment; filename="__.parquet"; filename*=UTF-8\'\'%E9%81%93%E8%B7%AF.parquet'],
  ['a"b\\c%.tif', 'attachment; filename="a_b_c_.tif"; filename*=UTF-8\'\'a%22b%5Cc%25.tif'],
  ["l'île (1)*.tif", "attachment; filename=\"l'ile (1)*.tif\"; filename*=UTF-8''l%27%C3%AEle%20%281%29%2A.tif"],
])('%s', (name, header) => {
  expect(attachment(name)).toBe(header);
});
