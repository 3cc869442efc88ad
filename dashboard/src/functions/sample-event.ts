import { queryOptions } from '@tanstack/react-query';
import type { RunView } from '../../../shared/api/views.ts';
import { ApiError, getJson } from '../api/client.ts';

export interface SampleEvent {
  /** JSON. */
  event: string;
  /** Where the event is from. */
  source: string;
}

/** The event that started the step of the newest run, or an event of a timer. */
export const sampleEventQuery = (name: string) =>
  queryOptions({
    queryKey: ['sample-event', name],
    queryFn: ({ signal }) => readSample(name, signal),
    staleTime: Infinity,
  });

async function readSample(name: string, signal: AbortSignal): Promise<SampleEvent> {
  const runs = await getJson<RunView[]>('/api/runs', signal);
  for (const run of runs.filter(({ steps }) => steps.some((step) => step.name === name && step.status === 'done'))) {
    try {
      const event = await getJson<unknown>(`/api/runs/${run.run_id}/steps/${name}/event`, signal);
      return {
        event: JSON.stringify(event, null, 2),
        source: `This event started the step in the run ${run.batch_id}.`,
      };
    } catch (thrown) {
      if (!(thrown instanceof ApiError)) throw thrown;
    }
  }
  return { event: tick(name), source: 'No recent run has this step, so this is the event of a timer.' };
}

function tick(name: string): string {
  const event = {
    specversion: '1.0',
    type: 'sluice.tick',
    source: '/dashboard',
    id: `tick-${name}-${Date.now()}`,
    time: new Date().toISOString(),
    data: {},
  };
  return JSON.stringify(event, null, 2);
}
