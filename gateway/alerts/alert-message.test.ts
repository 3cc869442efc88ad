import { expect, test } from 'vitest';
import { parseEnv } from '#shared/config/env.ts';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { runCanceled, runFailed, runSucceeded } from '#shared/events/run-events.ts';
import { messageOf } from './alert-message.ts';
import { deadLetterAlert, diskAlert, runFailedAlert, stuckAlert } from './alert.ts';

const RUN = {
  run_id: '0d4a1f6e-2f64-8c11-9a3e-0123456789ab',
  dataset_id: 'straßen & wege',
  lane: 'vector',
  traceparent: null,
} as const;
const NOW = new Date('2026-01-02T03:04:05.000Z');
const error = new SluiceError('CRS_MISSING', 'wege <1>.shp has no CRS.', { details: { secret: 'row 7' } }).toDocument();
const failed = runFailed(RUN, error);
const envOf = (variables: Record<string, string>) =>
  parseEnv({
    ALERT_WEBHOOK_URL: 'https://hooks.example.org/T/B?x=1',
    PUBLIC_URL: 'https://lake.example.org/',
    ...variables,
  });
const cloudEvents = envOf({});
const slack = envOf({ ALERT_FORMAT: 'slack', ALERT_WEBHOOK_TOKEN: 'token-1' });
const alertOf = (event: typeof failed) => runFailedAlert(event, cloudEvents) ?? expect.unreachable();
const slackText = (alert: Parameters<typeof messageOf>[0]) =>
  (JSON.parse(messageOf(alert, slack).body) as { text: string }).text;

test('a failed run is a CloudEvent in structured mode, without the details of the error', () => {
  const { headers, body } = messageOf(alertOf(failed), cloudEvents);
  expect(headers).toEqual({ 'content-type': 'application/cloudevents+json' });
  expect(JSON.parse(body)).toEqual({
    specversion: '1.0',
    id: alertOf(failed).id,
    source: 'https://lake.example.org',
    type: 'sluice.alert.run.failed',
    subject: RUN.run_id,
    time: failed.time,
    datacontenttype: 'application/json',
    data: {
      run_id: RUN.run_id,
      dataset_id: 'straßen & wege',
      lane: 'vector',
      error: { code: 'CRS_MISSING', message: 'wege <1>.shp has no CRS.' },
      url: `https://lake.example.org/ui/runs/${RUN.run_id}`,
    },
  });
});

test('the id depends on the run only, so that an end that is published again causes no second alert', () => {
  const again = { ...failed, id: 'round 2', time: NOW.toISOString() };
  expect(alertOf(again).id).toBe(alertOf(failed).id);
  expect(alertOf(runFailed({ ...RUN, run_id: RUN.run_id.replace('0d', '1d') }, error)).id).not.toBe(alertOf(failed).id);
});

test('a run that succeeds or is canceled causes no alert', () => {
  expect(runFailedAlert(runSucceeded(RUN), cloudEvents)).toBeUndefined();
  expect(runFailedAlert(runCanceled(RUN, 'ana'), cloudEvents)).toBeUndefined();
});

test('the text for Slack is escaped, and has a link', () => {
  expect(messageOf(alertOf(failed), slack).headers).toEqual({
    'content-type': 'application/json',
    authorization: 'Bearer token-1',
  });
  expect(slackText(alertOf(failed))).toBe(
    `Run ${RUN.run_id} of straßen &amp; wege failed. CRS_MISSING: wege &lt;1&gt;.shp has no CRS.\n` +
      `<https://lake.example.org/ui/runs/${RUN.run_id}|Show>`,
  );
});

test('dead letters, stuck work and disks', () => {
  const letter = { function: 'archive', event: failed, error, attempts: 6 };
  expect(slackText(deadLetterAlert('job', letter, slack))).toBe(
    'An event sluice.run.failed could not be delivered to archive. CRS_MISSING: wege &lt;1&gt;.shp has no CRS.\n' +
      '<https://lake.example.org/ui/dead-letters|Show>',
  );
  const waiting = { state: 'waiting', function: 'join', seconds: 7_200 } as const;
  expect(slackText(stuckAlert(waiting, slack, NOW))).toContain('The oldest event for join has been waiting for');
  const running = { ...waiting, state: 'running', jobId: 'j', runId: RUN.run_id } as const;
  const stuck = stuckAlert(running, slack, NOW);
  expect(stuck.data).toEqual({ function: 'join', state: 'running', seconds: 7_200, run_id: RUN.run_id });
  expect(stuck.url).toBe(`https://lake.example.org/ui/runs/${RUN.run_id}`);
  const disk = { folder: 'SLUICE_HOME', path: '/x', freeBytes: 5e9, sizeBytes: 1e12 } as const;
  expect(diskAlert(disk, slack, NOW).data).toMatchObject({ folder: 'SLUICE_HOME', free_bytes: 5e9, size_bytes: 1e12 });
  expect(slackText(diskAlert(disk, slack, NOW))).toMatch(/^5.* GB of 1.* are free on the disk of SLUICE_HOME of /);
});

test('a stuck queue and a full disk are reported once an hour, and a call once', () => {
  const later = new Date('2026-01-02T04:00:00.000Z');
  const soon = new Date('2026-01-02T03:59:59.000Z');
  const waiting = { state: 'waiting', function: 'join', seconds: 7_200 } as const;
  const running = { ...waiting, state: 'running', jobId: 'j', runId: undefined } as const;
  const idsOf = (work: typeof waiting | typeof running) =>
    [NOW, soon, later].map((now) => stuckAlert(work, slack, now).id);
  expect(new Set(idsOf(waiting)).size).toBe(2);
  expect(new Set(idsOf(running)).size).toBe(1);
});
