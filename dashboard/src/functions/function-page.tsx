import { useQuery } from '@tanstack/react-query';
import { Tabs } from 'radix-ui';
import { useParams, useSearchParams } from 'react-router';
import { functionCallsQuery, functionQuery, overviewQuery } from '../api/queries.ts';
import { count, counted } from '../ui/format.ts';
import { Log } from '../log/log.tsx';
import { logPath } from '../log/read-log.ts';
import { Loaded } from '../ui/loaded.tsx';
import { Page } from '../ui/page.tsx';
import { CallCharts } from './call-charts.tsx';
import { FunctionSettings } from './function-settings.tsx';
import { FunctionState } from './function-state.tsx';
import { InvokeForm } from './invoke-form.tsx';

const TABS = [
  { value: 'logs', name: 'Logs' },
  { value: 'invoke', name: 'Call' },
  { value: 'settings', name: 'Settings' },
];

/** One function: its log, a form that calls it, and its settings. */
export function FunctionPage() {
  const { name = '' } = useParams();
  const [params, setParams] = useSearchParams();
  const fn = useQuery(functionQuery(name));
  const queue = useQuery(overviewQuery).data?.queues.find((each) => each.function === name);
  const calls = useQuery(functionCallsQuery).data?.find((each) => each.function === name);
  const tab = TABS.find(({ value }) => value === params.get('tab'))?.value ?? 'logs';
  return (
    <Page
      title={name}
      parent={{ to: '/functions', name: 'Functions' }}
      summary={
        fn.data && (
          <>
            <FunctionState fn={fn.data} /> {counted(fn.data.invocationCount, 'call')}, {count(queue?.running ?? 0)}{' '}
            running, {count(queue?.waiting ?? 0)} waiting
          </>
        )
      }
    >
      <Loaded query={fn}>
        {(data) => (
          <>
            {calls && <CallCharts calls={calls} />}
            <Tabs.Root value={tab} onValueChange={(value) => setParams({ tab: value }, { replace: true })}>
              <Tabs.List className="tabs-list" aria-label="Views of the function">
                {TABS.map(({ value, name: label }) => (
                  <Tabs.Trigger key={value} value={value} className="tabs-tab">
                    {label}
                  </Tabs.Trigger>
                ))}
              </Tabs.List>
              <Tabs.Content value="logs" className="tabs-panel">
                <Log path={logPath('/system/logs', { name })} of="function" />
              </Tabs.Content>
              <Tabs.Content value="invoke" className="tabs-panel">
                <InvokeForm name={name} />
              </Tabs.Content>
              <Tabs.Content value="settings" className="tabs-panel">
                <FunctionSettings fn={data} />
              </Tabs.Content>
            </Tabs.Root>
          </>
        )}
      </Loaded>
    </Page>
  );
}
