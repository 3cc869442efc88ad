import { globSync, readFileSync } from 'node:fs';
import { collectDefaultMetrics, Registry } from 'prom-client';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { parseStack } from '#shared/config/stack.ts';

const ROOT = new URL('../../', import.meta.url);
const read = (path: string) => readFileSync(new URL(path, ROOT), 'utf8');

const METRIC = /new (Counter|Gauge|Histogram)\(\{\s*name: '(\w+)'/g;

/** The series of all metrics that the code declares, and of Node.js. */
function exportedSeries(): Set<string> {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const sources = globSync('{gateway,shared}/**/*.ts', { cwd: ROOT, exclude: (path) => path.endsWith('.test.ts') });
  const declared = sources.flatMap((path) => [...read(path).matchAll(METRIC)]);
  const series = declared.flatMap(([, type, name = '']) =>
    type === 'Histogram' ? ['_bucket', '_sum', '_count'].map((suffix) => name + suffix) : [name],
  );
  return new Set([...series, ...registry.getMetricsAsArray().map(({ name }) => name)]);
}

const seriesIn = (queries: string) => [...queries.matchAll(/\b(?:sluice|gateway|process|nodejs)_\w+/g)].map(([n]) => n);

test.each([
  ['alerts.yml', 'prometheus/alerts.yml', /expr: .*(?:\n {10}.*)*/g],
  ['the dashboard', 'grafana/dashboards/sluice.json', /"expr": .*/g],
])('%s queries only metrics that the code exports', (_, path, expression) => {
  const queries = read(`gateway/observe/${path}`).match(expression) ?? [];
  const used = new Set(queries.flatMap(seriesIn));
  expect(used.size).toBeGreaterThan(4);
  expect([...used].filter((name) => !exportedSeries().has(name))).toEqual([]);
});

test('Prometheus reads the metrics of every function', () => {
  const { scrape_configs } = parse(read('gateway/observe/prometheus/prometheus.yml')) as {
    scrape_configs: { job_name: string; static_configs: { targets: string[] }[] }[];
  };
  const targets = scrape_configs.find(({ job_name }) => job_name === 'functions')?.static_configs[0]?.targets;
  const { functions } = parseStack(read('stack.yml'));
  expect(targets?.toSorted()).toEqual(functions.map(({ name }) => `${name}:8080`).sort());
});
