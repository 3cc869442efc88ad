import { basename } from 'node:path';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** The test files that take longest, on a machine without their durations of an earlier run. */
const LONGEST = [
  'kill-at-every-write.server.test.ts',
  'late-writes.server.test.ts',
  'stopped-worker.server.test.ts',
  'servers-unreachable.server.test.ts',
  'topology.server.test.ts',
  'mongodb-lanes.server.test.ts',
  'mongodb-stops.server.test.ts',
  'transfer.server.test.ts',
  'pixels.server.test.ts',
  'killed-hosts.server.test.ts',
  'full-disk.server.test.ts',
  'consistency.server.test.ts',
  'minio.server.test.ts',
  'start.server.test.ts',
  'formats.server.test.ts',
  'ingest.server.test.ts',
  'run-control.server.test.ts',
  'databases.server.test.ts',
  'function-hosts.test.ts',
];

/** Starts the longest test files first, so that none of them runs alone at the end. */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const rank = ({ moduleId }: TestSpecification) => {
      const index = LONGEST.indexOf(basename(moduleId));
      return index < 0 ? LONGEST.length : index;
    };
    // The projects stay in their order, because the files of a worker share its modules.
    const projects = [...new Set(sorted.map(({ project }) => project))];
    return projects.flatMap((project) =>
      sorted.filter((file) => file.project === project).toSorted((a, b) => rank(a) - rank(b)),
    );
  }
}
