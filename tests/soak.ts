import { setTimeout as wait } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { type Instance, startInstance } from '../bench/instance.ts';
import { commandOf, descendants, isFunctionProcess, residentBytes } from '../bench/memory.ts';
import { runBatch } from './soak/batches.ts';
import { countLeftovers } from './soak/leftovers.ts';

/**
 * `node tests/soak.ts [--runs 5000] [--together 4] [--heap-snapshots]` executes many tiny runs in a Sluice of its own.
 * It reports the memory of the processes and what the runs left behind. It exits with 1 if the memory grew by more than
 * MAX_GROWTH between run BASELINE_RUN and the last run, or if anything is left. See tests/README.md.
 */

/** Memory grows in the first runs: programs are compiled, pools and caches are filled. */
const BASELINE_RUN = 500;
const MAX_GROWTH = 0.05;
/** Runs between two lines of the report. */
const REPORT_EVERY = 250;
/** The memory of an idle process is the lowest of several samples, because it depends on the garbage collector. */
const SAMPLES = 20;
const SAMPLE_MS = 500;
const MIB = 2 ** 20;

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '5000' },
    together: { type: 'string', default: '4' },
    'heap-snapshots': { type: 'boolean', default: false },
  },
});
const [runs, together] = [Number(values.runs), Number(values.together)];
const snapshots = values['heap-snapshots'];

/** Resident memory in MiB of the gateway and of each function process. */
type Memory = Record<string, number>;

function memoryOf({ pid }: Instance): Memory {
  const memory: Memory = { gateway: residentBytes(pid) / MIB };
  const hosts = descendants(pid).filter(isFunctionProcess);
  for (const [index, host] of hosts.entries()) memory[`functions ${index + 1}`] = residentBytes(host) / MIB;
  return memory;
}

const sum = (memory: Memory) => Object.values(memory).reduce((total, value) => total + value, 0);

async function idleMemory(instance: Instance): Promise<Memory> {
  let lowest = memoryOf(instance);
  for (let sample = 1; sample < SAMPLES; sample += 1) {
    await wait(SAMPLE_MS);
    const now = memoryOf(instance);
    if (sum(now) < sum(lowest)) lowest = now;
  }
  if (snapshots)
    for (const pid of [instance.pid, ...descendants(instance.pid)])
      if (isFunctionProcess(pid) || commandOf(pid).some((part) => part.endsWith('npm-start.ts')))
        process.kill(pid, 'SIGUSR2');
  return lowest;
}

/** The used heap of the gateway in MiB. */
async function heapOf({ url }: Instance): Promise<number> {
  const metrics = await (await fetch(`${url}/metrics`)).text();
  return Number(/^nodejs_heap_size_used_bytes (\S+)/m.exec(metrics)?.[1]) / MIB;
}

async function report(label: string, instance: Instance): Promise<Memory> {
  const memory = await idleMemory(instance);
  const parts = Object.entries(memory).map(([name, value]) => `${name} ${value.toFixed(0)}`);
  const heap = (await heapOf(instance)).toFixed(0);
  print(`${label}: ${sum(memory).toFixed(0)} MiB (${parts.join(', ')}); heap of the gateway ${heap} MiB`);
  return memory;
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** Executes the runs from `first` to `last`, `together` at the same time. */
async function execute(first: number, last: number, counts: Map<string, number>, instance: Instance): Promise<void> {
  let next = first;
  const worker = async () => {
    while (next <= last) {
      const status = await runBatch(next++, instance);
      counts.set(status, (counts.get(status) ?? 0) + 1);
    }
  };
  await Promise.all(Array.from({ length: together }, worker));
}

const instance = await startInstance(snapshots ? { NODE_OPTIONS: '--heapsnapshot-signal=SIGUSR2' } : {});
try {
  const counts = new Map<string, number>();
  let baseline: Memory | undefined;
  let latest = await report('start', instance);
  for (let done = 0; done < runs;) {
    const last = Math.min(runs, done + REPORT_EVERY);
    await execute(done + 1, last, counts, instance);
    done = last;
    latest = await report(`run ${done}`, instance);
    if (done >= BASELINE_RUN) baseline ??= latest;
  }
  print(`status of the manifests: ${JSON.stringify(Object.fromEntries(counts))}`);
  const leftovers = await countLeftovers(instance);
  for (const [name, count] of Object.entries(leftovers)) print(`${name}: ${count}`);
  const growth = baseline === undefined ? 0 : sum(latest) / sum(baseline) - 1;
  print(`growth of the memory since run ${BASELINE_RUN}: ${(growth * 100).toFixed(1)} %`);
  if (growth > MAX_GROWTH || Object.values(leftovers).some((count) => count !== 0)) process.exitCode = 1;
} finally {
  await instance.stop();
}
