import { Hono } from 'hono';
import type { Gauge, Registry } from 'prom-client';
import type { LaneOverview, OverviewView } from '#shared/api/views.ts';
import type { RunGroup, RunSummary } from '#shared/ledger/ledger.ts';
import { LANES } from '#shared/contracts/lanes.ts';
import type { GatewayDeps } from '../deps.ts';
import { noQuery } from '../http/request-fields.ts';

const PERIOD_MS = 24 * 3600 * 1000;
/** Every open page of the dashboard reads the overview, and a younger one is good enough for them. */
const FRESH_MS = 2_000;

/** GET /api/overview returns an OverviewView, at most FRESH_MS old. */
export function overviewRoutes({ ledger, router }: Pick<GatewayDeps, 'ledger' | 'router'>): Hono {
  let newest: { at: number; view: Promise<OverviewView> } | undefined;
  const read = async (): Promise<OverviewView> => {
    const since = new Date(Date.now() - PERIOD_MS).toISOString();
    const [{ running, groups }, metrics] = await Promise.all([
      ledger.summarizeRuns(since),
      readRouterMetrics(router.registry),
    ]);
    return { since, running, lanes: lanesOf(groups), ...metrics };
  };
  const refresh = () => {
    const view = read();
    newest = { at: Date.now(), view };
    // The next request repeats a failed one.
    view.catch(() => (newest = undefined));
    return view;
  };
  return new Hono().get('/api/overview', noQuery, async (c) =>
    c.json(await (newest !== undefined && Date.now() - newest.at < FRESH_MS ? newest.view : refresh())),
  );
}

/** Counts and durations for each lane that has runs. */
export function lanesOf(groups: RunSummary['groups']): LaneOverview[] {
  return LANES.flatMap((lane) => {
    const ofLane = groups.filter((group) => group.lane === lane);
    return ofLane.length === 0 ? [] : [{ lane, hours: hoursOf(ofLane), seconds: secondsOf(ofLane) }];
  });
}

function hoursOf(groups: RunGroup[]): LaneOverview['hours'] {
  const hours = [...new Set(groups.map(({ hour }) => hour))].sort();
  return hours.map((hour) => {
    const counts = { running: 0, success: 0, failure: 0, canceled: 0 };
    for (const group of groups) if (group.hour === hour) counts[group.status] += group.count;
    return { hour: `${hour}:00:00.000Z`, ...counts };
  });
}

function secondsOf(groups: RunGroup[]): LaneOverview['seconds'] {
  const ended = groups.filter(({ status }) => status !== 'running');
  const runs = ended.reduce((sum, { count }) => sum + count, 0);
  if (runs === 0) return null;
  const total = ended.reduce((sum, { total_seconds }) => sum + total_seconds, 0);
  return { mean: total / runs, max: Math.max(...ended.map(({ max_seconds }) => max_seconds)) };
}

/** The gauges of the router. A broker has none. */
async function readRouterMetrics(registry: Registry): Promise<Pick<OverviewView, 'queues' | 'dead_letters'>> {
  const valuesOf = async (name: string) =>
    (await (registry.getSingleMetric(name) as Gauge | undefined)?.get())?.values ?? [];
  const [jobs, letters] = await Promise.all([valuesOf('sluice_queue_jobs'), valuesOf('sluice_dead_letters')]);
  const names = [...new Set(jobs.map(({ labels }) => String(labels.function)))].sort();
  const jobsOf = (name: string, state: string) =>
    jobs.find(({ labels }) => labels.function === name && labels.state === state)?.value ?? 0;
  const queues = names.map((name) => ({
    function: name,
    waiting: jobsOf(name, 'waiting'),
    running: jobsOf(name, 'running'),
  }));
  return { queues, dead_letters: letters[0]?.value ?? 0 };
}
