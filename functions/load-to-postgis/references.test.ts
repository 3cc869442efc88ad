import { expect, test } from 'vitest';
import { moduleOf } from './references.ts';

test.each([
  ['CREATE VIRTUAL TABLE v USING VirtualText(\'/etc/x\', "using rtree(")', 'virtualtext'],
  ['create virtual table if not exists main."using rtree()" using "VirtualShape"(\'x\')', 'virtualshape'],
  ['CREATE/**/VIRTUAL/* using rtree() */TABLE\n-- using rtree()\n[a b]USING`VirtualOGR`(1)', 'virtualogr'],
  ['CREATE VIRTUAL TABLE "rtree_é_geom" USING rtree(id, minx, maxx, miny, maxy)', 'rtree'],
  ['CREATE VIRTUAL TABLE KNN USING VirtualKNN()', 'virtualknn'],
  ['CREATE TABLE x (a)', undefined],
])('%s', (sql, module) => {
  expect(moduleOf(sql)).toBe(module);
});
