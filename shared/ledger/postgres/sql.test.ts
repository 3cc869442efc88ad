import { expect, test } from 'vitest';
import { listOf } from './sql.ts';

test('the statement contains only the requested conditions', () => {
  expect(
    listOf('runs', {
      equal: { status: undefined, batch_id: "b'; drop", dataset_id: 'd' },
      newestBy: 'created_at',
      limit: 2,
      offset: 4,
    }),
  ).toEqual({
    text: 'select doc from ledger."runs" where "batch_id" = $1 and "dataset_id" = $2 order by "created_at" desc, _id limit $3 offset $4',
    values: ["b'; drop", 'd', 2, 4],
  });
  expect(listOf('activity_logs', { equal: {}, newestBy: 'at' })).toEqual({
    text: 'select doc from ledger."activity_logs" order by "at" desc, _id limit $1 offset $2',
    values: [50, 0],
  });
});
