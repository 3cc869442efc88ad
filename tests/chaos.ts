import { randomBytes } from 'node:crypto';
import { parseArgs } from 'node:util';
import { setTimeout as wait } from 'node:timers/promises';
import { GOOD_KINDS, JOIN_INPUTS } from './chaos/good-batches.ts';
import { HealthProbe } from './chaos/health.ts';
import { hostileKinds } from './chaos/hostile-batches.ts';
import { breakUpload, notifyAgain, readJson, type Result, submit, upload } from './chaos/load.ts';
import { comparePairs } from './chaos/pairs.ts';
import { randomFrom } from './chaos/random.ts';
import { compareSideBySide } from './chaos/side-by-side.ts';
import { type ChaosSluice, startChaosSluice } from './chaos/sluice.ts';
import { kill, VICTIMS } from './chaos/victims.ts';
import { countLeftovers } from './soak/leftovers.ts';

/**
 * `node tests/chaos.ts [--kills 100] [--seed N] [--together 6]` kills processes of a Sluice of its own at random
 * moments while it processes good and hostile batches. It exits with 1 if a batch was lost, doubled, or ended in
 * a way other than expected, or if anything is left. Options: `--side-by-side` also compares the times of good batches
 * with and without hostile ones, `--pairs N` compares each kind of good batch alone and beside each hostile kind, N
 * times, `--uploads N` uploads N files of 50 MB, `--keep` keeps the folder of the Sluice, and `--profile` writes a
 * profile of the gateway to .cache/chaos/profiles. See tests/README.md.
 */

const { values } = parseArgs({
  options: {
    kills: { type: 'string', default: '100' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    together: { type: 'string', default: '6' },
    batches: { type: 'string', default: '60' },
    uploads: { type: 'string', default: '20' },
    'side-by-side': { type: 'boolean', default: false },
    pairs: { type: 'string', default: '0' },
    keep: { type: 'boolean', default: false },
    profile: { type: 'boolean', default: false },
  },
});
const [kills, seed, together] = [Number(values.kills), Number(values.seed), Number(values.together)];
const random = randomFrom(seed);
const HOSTILE_SHARE = 0.3;

const print = (line: string) => process.stdout.write(`${new Date().toISOString().slice(11, 23)} ${line}\n`);
const problems: string[] = [];
/** When processes of the functions were killed. */
const functionKills: number[] = [];
/** Dead letters of steps that this program killed as often as Sluice repeats them. */
let explained = 0;
/** A step whose process has ended so often becomes a dead letter. */
const MAX_DEATHS = 3;

/** Keeps `together` batches in flight until `enough`. */
class Load {
  readonly results: Result[] = [];
  #next = 1;
  #waiting: (() => void)[] = [];
  #sluice: ChaosSluice;
  #hostile: Awaited<ReturnType<typeof hostileKinds>>;

  constructor(sluice: ChaosSluice, hostile: Awaited<ReturnType<typeof hostileKinds>>) {
    this.#sluice = sluice;
    this.#hostile = hostile;
  }

  async run(enough: () => boolean): Promise<void> {
    const worker = async () => {
      while (!enough()) {
        const n = this.#next++;
        const kinds = random.chance(HOSTILE_SHARE) ? this.#hostile : GOOD_KINDS;
        const batch = random.pick(kinds)(n, random);
        const uploads = random.chance(0.3) ? 3 : 1;
        const broken = random.chance(0.1) ? breakUpload(this.#sluice, `broken-${n}`) : undefined;
        const result = await submit(this.#sluice, `chaos-${n}`, batch, { uploads });
        await broken;
        if (random.chance(0.3)) await notifyAgain(this.#sluice, random.pick([...this.results, result]).id);
        this.results.push(result);
        for (const resolve of this.#waiting.splice(0)) resolve();
      }
    };
    await Promise.all(Array.from({ length: together }, worker));
  }

  /** Resolves when another batch has ended. */
  oneMore(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }
}

const LARGE_BYTES = 50 * 2 ** 20;

/** Uploads files of 50 MB, two at a time. Later ones replace earlier ones. */
async function uploadLargeFiles(sluice: ChaosSluice, health: HealthProbe): Promise<void> {
  const body = randomBytes(LARGE_BYTES);
  health.during('uploads of 50 MB');
  let next = 0;
  const worker = async () => {
    while (next < Number(values.uploads)) await upload(sluice, `large/${(next += 1) % 4}`, body);
  };
  await Promise.all([worker(), worker()]);
}

/** Longest time between the end of a batch and the next kill, so that every step is met. */
const MAX_DELAY_MS = 1_500;

async function killRepeatedly(sluice: ChaosSluice, load: Load, health: HealthProbe): Promise<void> {
  for (let done = 0; done < kills;) {
    await load.oneMore();
    await wait(random.below(MAX_DELAY_MS));
    const victim = random.pick(VICTIMS);
    health.during(victim === 'gateway' ? 'stops and starts of the gateway' : `a kill (${victim})`);
    const killed = await kill(sluice, victim, random);
    health.during(`the time after a kill (${victim})`);
    if (killed === undefined) continue;
    done += 1;
    if (killed.victim === 'functions') functionKills.push(Date.now());
    print(`kill ${done}: ${killed.signal} ${killed.victim} ${killed.pid} ${killed.command.slice(0, 60)}`);
  }
}

async function check(sluice: ChaosSluice, { id, batch, run, milliseconds }: Result): Promise<void> {
  const name = `${id} (${batch.kind})`;
  if (run === undefined) return void problems.push(`${name} did not end within ${milliseconds / 1000} s`);
  const end = `${run.status} ${run.error?.code ?? ''}: ${run.error?.message ?? ''}`.slice(0, 300);
  if (batch.codes !== undefined) {
    if (run.status !== 'failure' || !batch.codes.includes(run.error?.code ?? ''))
      problems.push(`${name} must fail with ${batch.codes.join(' or ')}, but ended with ${end}`);
    return;
  }
  const killed = functionKills.filter(
    (at) => at > Date.parse(run.created_at) && at <= Date.parse(run.finished_at ?? ''),
  );
  if (run.error?.code === 'WORKER_DIED' && killed.length >= MAX_DEATHS) {
    explained += 1;
    print(`${name} failed, because its process was killed ${killed.length} times: ${run.error.message}`);
    return;
  }
  if (run.status !== 'success') return void problems.push(`${name} must succeed, but ended with ${end}`);
  const assets = await readJson<{ version: number }[]>(sluice, `/api/assets?dataset_id=${id}`);
  if (assets?.length !== 1 || assets[0]?.version !== 1)
    problems.push(`${name} has the versions ${JSON.stringify(assets?.map(({ version }) => version))}`);
}

async function main(sluice: ChaosSluice): Promise<void> {
  const hostile = await hostileKinds();
  for (const { id, batch } of JOIN_INPUTS) await check(sluice, await submit(sluice, id, batch));
  const health = new HealthProbe(sluice, 'the load');
  await uploadLargeFiles(sluice, health);
  const load = new Load(sluice, hostile);
  if (values['side-by-side']) {
    health.during('hostile and good batches side by side');
    const compared = await compareSideBySide(sluice, hostile, random);
    load.results.push(...compared.results);
    for (const line of compared.report) print(line);
  }
  if (Number(values.pairs) > 0) {
    health.during('pairs of a good and a hostile batch');
    const compared = await comparePairs(sluice, hostile, random, Number(values.pairs));
    load.results.push(...compared.results);
    for (const line of compared.report) print(line);
  }
  health.during('the load');
  const enough = load.results.length + Number(values.batches);
  let killing = true;
  const batches = load.run(() => !killing && load.results.length >= enough);
  await killRepeatedly(sluice, load, health);
  killing = false;
  health.during('the load without kills');
  await batches;
  await health.stop();
  const all = load.results;
  print(`${all.length} batches, ${all.filter(({ batch }) => batch.codes !== undefined).length} of them hostile`);
  for (const result of all) await check(sluice, result);
  for (const line of health.report()) print(line);
  const instance = await sluice.instance();
  try {
    for (const [name, count] of Object.entries(await countLeftovers(instance)))
      if (count !== (name === 'dead letters' ? explained : 0)) problems.push(`${name}: ${count}`);
  } finally {
    await instance.stop();
  }
}

print(`seed ${seed}, ${kills} kills`);
const sluice = await startChaosSluice({
  flags: values.profile ? ['--cpu-prof', '--cpu-prof-dir=.cache/chaos/profiles'] : [],
  keep: values.keep,
});
try {
  await main(sluice);
} finally {
  await sluice.stop();
}
for (const problem of problems) print(`PROBLEM ${problem}`);
process.exitCode = problems.length > 0 ? 1 : 0;
