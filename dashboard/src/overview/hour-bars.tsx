import { counted } from '../ui/format.ts';
import { heightOf, type StackedBar, StackedBars } from '../ui/stacked-bars.tsx';
import { allHours, type Hour, STATUS_ORDER, totalsOf } from './totals.ts';

const CLOCK = new Intl.DateTimeFormat('en-US', { hour: '2-digit', minute: '2-digit', hour12: false });

/** Runs by hour of their creation, as stacked bars. */
export function HourBars({ hours, since, lane }: { hours: Hour[]; since: string; lane: string }) {
  const shown = allHours(hours, since);
  const bars = shown.map(barOf);
  const totals = totalsOf(hours);
  const text = STATUS_ORDER.filter((status) => totals[status] > 0).map((status) => `${totals[status]} ${status}`);
  const highest = Math.max(1, ...bars.map(heightOf));
  return (
    <StackedBars
      bars={bars}
      label={`Runs of the lane ${lane} in 24 hours: ${text.join(', ')}.`}
      scale={[CLOCK.format(Date.parse(shown[0]?.hour ?? since)), `highest: ${counted(highest, 'run')} per hour`, 'now']}
    />
  );
}

function barOf(hour: Hour): StackedBar {
  const parts = STATUS_ORDER.map((status) => ({ tone: status, value: hour[status] }));
  const counts = parts.filter(({ value }) => value > 0).map(({ tone, value }) => `${value} ${tone}`);
  return { key: hour.hour, title: `${CLOCK.format(Date.parse(hour.hour))}: ${counts.join(', ')}`, parts };
}
