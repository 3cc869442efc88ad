import { expect, test } from 'vitest';
import { concurrencyOf, expandVariables, parseStack, readStack, readStackIfPresent, STACK_FILE } from './stack.ts';

const stackOf = (annotations: object) =>
  parseStack(`functions: {"a-1": {annotations: ${JSON.stringify(annotations)}}}`);

test('reads the stack.yml of the repository', async () => {
  const stack = await readStack(STACK_FILE, { SLUICE_VERSION: '1.2' });
  expect(stack.deadLetterSink).toBe('fail-run');
  expect(stack.subscribers('sluice.run.requested.vector')).toEqual(['load-to-postgis']);
  expect(stack.subscribers('sluice.run.failed')).toEqual(['archive']);
  expect(stack.find('archive')?.image).toBe('sluice/archive:1.2');
  expect(stack.find('export-parquet')?.needs).toEqual(['ledger', 'objects']);
});

test('only a template with GDAL is used for functions that need GDAL', async () => {
  const { functions } = await readStack();
  const withGdal = functions.filter(({ needs }) => needs.includes('gdal')).map(({ name }) => name);
  expect(functions.filter(({ lang }) => lang === 'node-gdal').map(({ name }) => name)).toEqual(withGdal);
});

test('a missing stack file is an error, or undefined where it may be missing', async () => {
  const missing = new URL('./no such stack é.yml', import.meta.url);
  await expect(readStack(missing)).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
  expect(await readStackIfPresent(missing)).toBeUndefined();
  expect((await readStackIfPresent())?.deadLetterSink).toBe('fail-run');
});

test('expands variables as faas-cli does: set, empty, unset, without default', () => {
  expect(expandVariables('${A:-x}/${B:-y}/${C:-z}/${D}|', { A: 'a', B: '' })).toBe('a/y/z/|');
});

test('an event has as subscribers the functions whose topics contain its exact type', () => {
  const stack = parseStack(
    'functions: {a: {annotations: {topic: "t.one, t.two"}}, b: {annotations: {topic: t.one}}, c: {}}',
  );
  expect(['t.one', 't.two', 't'].map((type) => stack.subscribers(type))).toEqual([['a', 'b'], ['a'], []]);
});

test.each([
  [{ 'sluice.concurrency': 'cores', 'sluice.small-concurrency': '2' }, 3, 2],
  [{ 'sluice.concurrency': '8', 'sluice.small-concurrency': 'cores' }, 8, 3],
  [{}, 4, 0],
])('the concurrency of %j on 3 cores is %i, and %i for small inputs', (annotations, concurrency, small) => {
  expect(concurrencyOf(stackOf(annotations).functions[0]!, { CORES: 3 })).toEqual({ all: concurrency, small });
});

test.each([
  [{ 'sluice.needs': 'ledger, gdal' }, ['ledger', 'gdal']],
  [{ 'sluice.needs': '' }, []],
  [{}, ['ledger', 'objects', 'postgis', 'gdal']],
])('the needs of %j are %j', (annotations, needs) => {
  expect(stackOf(annotations).functions[0]?.needs).toEqual(needs);
});

const SINK = '{annotations: {sluice.dead-letter-sink: "true"}}';
test.each([
  ['functions: {Load_X: {}}', /Load_X/],
  [
    'functions: {a: {annotations: {sluice.concurrency: many}}}',
    /functions\.a\.annotations\.sluice\.concurrency must be "cores" or a number/,
  ],
  [
    'functions: {a: {annotations: {sluice.needs: "ledger,mongodb"}}}',
    /functions\.a\.annotations\.sluice\.needs must list ports out of ledger, objects, postgis, gdal/,
  ],
  ['functions: {a: {annotations: {sluice.needs: postgis}}}', /sluice\.needs lists postgis without ledger/],
  ['functions: {a: {annotations: {topic: cron-function}}}', /functions\.a\.annotations\.schedule is missing/],
  [
    'functions: {a: {annotations: {topic: cron-function, schedule: "every minute"}}}',
    /schedule is "every minute", not a cron expression/,
  ],
  [`functions: {a: ${SINK}, b: ${SINK}}`, /is set for a and b, but only one function may have it/],
  ['functions: {a: {secret: [x]}}', /Unrecognized key: "secret"/],
  ['functions: {a: {limits: {memory: 1 GB}}}', /must be a quantity such as 512Mi[^]*functions\.a\.limits\.memory/],
  ['functions: {a: {requests: {cpus: 1}}}', /Unrecognized key: "cpus"/],
  ['functions: {a: {secrets: [Key_A]}}', /must be a DNS label[^]*functions\.a\.secrets/],
  ['functions: [', /flow sequence/i],
  ['provider: {}', /functions/],
])('rejects %s and names the field', (text, message) => {
  expect(() => parseStack(text)).toThrow(
    expect.objectContaining({ code: 'CONFIG_INVALID', message: expect.stringMatching(message) as string }) as Error,
  );
});
