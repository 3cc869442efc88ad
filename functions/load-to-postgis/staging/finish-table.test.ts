import { expect, test } from 'vitest';
import { finishSql, planColumns } from './finish-table.ts';
import { stagedNames } from './staged-names.ts';

test('planColumns keeps the name of the first of several equal columns', () => {
  expect(planColumns(['A', 'a2', 'geom', 'a_1'], ['A', 'a', 'geom', 'a_1'], 'geom', 'f')).toMatchObject({
    names: ['A', 'a_2', 'geom_1', 'a_1'],
    renames: [
      { from: 'a2', to: 'a_2' },
      { from: 'geom', to: 'geom_1' },
    ],
  });
  expect(planColumns(['x', 'y'], ['only one'], 'geom', 'f')).toEqual({ names: ['x', 'y'], renames: [], notes: [] });
});

test('finishSql renames columns in two steps', () => {
  const plan = {
    names: stagedNames(['a', 'b', 'g', 'g2']),
    renames: [
      { from: 'b', to: 'a' },
      { from: 'a', to: 'a_1' },
    ],
    dropped: ['g2'],
    geometry: { staged: 'g', dimensionsGuessed: false, srid: 910001 },
  };
  expect(finishSql('load_1_0', plan, 'geom')).toEqual([
    'alter table load_1_0 drop column g2',
    'alter table load_1_0 rename column b to "sluice~renamed~0"',
    'alter table load_1_0 rename column a to "sluice~renamed~1"',
    'alter table load_1_0 rename column "sluice~renamed~0" to a',
    'alter table load_1_0 rename column "sluice~renamed~1" to a_1',
    'alter table load_1_0 alter column g type geometry using st_setsrid(g, 910001)',
    'alter table load_1_0 rename column g to geom',
    'alter table load_1_0 rename column "sluice~key" to sluice_fid',
  ]);
});
