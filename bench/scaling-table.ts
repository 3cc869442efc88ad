import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Benchmark, significant } from './report.ts';
import { type RunCosts, simulate } from './scaling-model.ts';

/**
 * `node bench/scaling-table.ts` prints the tables of docs/scaling.md: runs a minute, computed from the processor times
 * in bench/results/scaling.json.
 */

const SERVERS = [1, 2, 4, 8, 16, 32];
const FUNCTIONS = [4, 16, 64, 256];
const CORES = 4;
const GATEWAYS = 4;

const result = JSON.parse(await readFile(join(import.meta.dirname, 'results', 'scaling.json'), 'utf8')) as Benchmark;
for (const { polygons, ...costs } of result.repeats) {
  console.log(`\n${polygons} polygons\n`);
  console.log(`| function processes | ${SERVERS.map((count) => `${count} PostGIS`).join(' | ')} |`);
  console.log(`|---|${SERVERS.map(() => '---').join('|')}|`);
  for (const functions of FUNCTIONS) {
    const cells = SERVERS.map((servers) => {
      const size = { servers, functions, cores: CORES, gateways: GATEWAYS };
      const { runsPerMinute, limit } = simulate(costs as unknown as RunCosts, size);
      return `${significant(runsPerMinute, 2)} (${limit})`;
    });
    console.log(`| ${functions} | ${cells.join(' | ')} |`);
  }
}
