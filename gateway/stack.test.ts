import { describe, expect, test } from 'vitest';
import { concurrencyOf, expandVariables, parseStack, readStack } from './stack.ts';

const stackOf = (annotations: object) =>
  parseStack(`functions: {"a-1": {annotations: ${JSON.stringify(annotations)}}}`);

describe('stack.yml', () => {
  test('the one in the repository is right', async () => {
    const stack = await readStack(new URL('../stack.yml', import.meta.url), { SLUICE_VERSION: '1.2' });
    expect(stack.deadLetterSink).toBe('fail-run');
    expect(stack.subscribers('sluice.run.requested.vector')).toEqual(['load-to-postgis']);
    expect(stack.subscribers('sluice.run.failed')).toEqual(['archive']);
    expect(stack.find('archive')?.image).toBe('sluice/archive:1.2');
  });

  test('variables are expanded as faas-cli does: set, empty, unset, without default', () => {
    expect(expandVariables('${A:-x}/${B:-y}/${C:-z}/${D}|', { A: 'a', B: '' })).toBe('a/y/z/|');
  });

  test('an event goes to every function that names its type, exactly', () => {
    const stack = parseStack(
      'functions: {a: {annotations: {topic: "t.one, t.two"}}, b: {annotations: {topic: t.one}}, c: {}}',
    );
    expect([stack.subscribers('t.one'), stack.subscribers('t.two'), stack.subscribers('t')]).toEqual([
      ['a', 'b'],
      ['a'],
      [],
    ]);
  });

  test('concurrency is a number, or follows the cores', () => {
    expect(concurrencyOf(stackOf({ 'sluice.concurrency': 'cores' }).functions[0]!, { CORES: 3 })).toBe(3);
    expect(concurrencyOf(stackOf({ 'sluice.concurrency': '8' }).functions[0]!, { CORES: 3 })).toBe(8);
    expect(concurrencyOf(stackOf({}).functions[0]!, { CORES: 3 })).toBe(4);
  });

  test.each([
    ['functions: {Load_X: {}}', /Load_X/],
    [
      'functions: {a: {annotations: {sluice.concurrency: many}}}',
      /functions\.a\.annotations\.sluice\.concurrency: must be "cores" or a number/,
    ],
    ['functions: {a: {annotations: {topic: cron-function}}}', /functions\.a\.annotations\.schedule: is missing/],
    [
      'functions: {a: {annotations: {topic: cron-function, schedule: "every minute"}}}',
      /schedule: "every minute" is not a cron expression/,
    ],
    [
      'functions: {a: {annotations: {sluice.dead-letter-sink: "true"}}, b: {annotations: {sluice.dead-letter-sink: "true"}}}',
      /a and b have it/,
    ],
    ['functions: [', /flow sequence/i],
    ['provider: {}', /functions/],
  ])('%s is refused with the field named', (text, message) => {
    expect(() => parseStack(text)).toThrow(
      expect.objectContaining({ code: 'CONFIG_INVALID', message: expect.stringMatching(message) as string }) as Error,
    );
  });
});
