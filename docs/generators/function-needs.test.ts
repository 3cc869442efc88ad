import { expect, test } from 'vitest';
import { LANE_STEPS } from '#shared/contracts/lanes.ts';
import { PORTS, readStack } from '#shared/config/stack.ts';
import { readCodeFacts } from './call-graph.ts';

const { functions } = await readStack();
const facts = readCodeFacts(functions.map(({ name }) => `functions/${name}/handler.ts`));
/** Their steps are claimed in the ledger by the runtime, whose code is not followed. */
const steps = new Set<string>(Object.values(LANE_STEPS).flat());

test.each(functions.map(({ name, needs }, index) => [name, needs, facts[index]] as const))(
  'stack.yml declares the ports that %s uses',
  (name, needs, code) => {
    const used = PORTS.filter((port) => code?.ports.has(port) || (port === 'ledger' && steps.has(name)));
    expect(needs).toEqual(used);
  },
);
