import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { z } from 'zod';
import { LANES, type Lane } from '#shared/contracts/lanes.ts';

const StackSchema = z.looseObject({
  functions: z.record(z.string(), z.looseObject({ annotations: z.record(z.string(), z.string()).optional() })),
});

/** The lanes whose `sluice.run.requested.<lane>` some function of a stack.yml subscribes to. */
export function lanesServedBy(stackYaml: string): ReadonlySet<Lane> {
  const { functions } = StackSchema.parse(parse(stackYaml));
  const topics = new Set(
    Object.values(functions).flatMap(({ annotations }) =>
      (annotations?.topic ?? '').split(',').map((topic) => topic.trim()),
    ),
  );
  return new Set(LANES.filter((lane) => topics.has(`sluice.run.requested.${lane}`)));
}

/** The lanes of this installation. A container holds one function and no stack.yml: there every lane counts as served. */
export const SERVED_LANES: ReadonlySet<Lane> = servedLanes();

function servedLanes(): ReadonlySet<Lane> {
  try {
    return lanesServedBy(readFileSync(new URL('../../stack.yml', import.meta.url), 'utf8'));
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === 'ENOENT') return new Set(LANES);
    throw thrown;
  }
}
