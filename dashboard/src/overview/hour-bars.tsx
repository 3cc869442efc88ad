import { counted } from '../ui/format.ts';
import { allHours, type Hour, HOURS, STATUS_ORDER, totalsOf } from './totals.ts';

const HEIGHT = 100;
const SLOT = 10;
const GAP = 2;
/** A bar of a few runs beside one of thousands remains visible. */
const MIN_BAR = 2;
const CLOCK = new Intl.DateTimeFormat('en-US', { hour: '2-digit', minute: '2-digit', hour12: false });

/** Runs by hour of their creation, as stacked bars. */
export function HourBars({ hours, since, lane }: { hours: Hour[]; since: string; lane: string }) {
  const shown = allHours(hours, since);
  const highest = Math.max(1, ...shown.map(runsOf));
  const totals = totalsOf(hours);
  const text = STATUS_ORDER.filter((status) => totals[status] > 0).map((status) => `${totals[status]} ${status}`);
  return (
    <figure className="bars-figure">
      <svg
        className="bars"
        viewBox={`0 0 ${HOURS * SLOT} ${HEIGHT}`}
        preserveAspectRatio="none"
        role="img"
        aria-label={`Runs of the lane ${lane} in 24 hours: ${text.join(', ')}.`}
      >
        <line className="axis" x1="0" x2={HOURS * SLOT} y1={HEIGHT} y2={HEIGHT} vectorEffect="non-scaling-stroke" />
        {shown.map((hour, index) => (
          <Bar key={hour.hour} hour={hour} x={index * SLOT + GAP / 2} scale={HEIGHT / highest} />
        ))}
      </svg>
      <figcaption className="bars-scale" aria-hidden="true">
        <span>{CLOCK.format(Date.parse(shown[0]?.hour ?? since))}</span>
        <span>highest: {counted(highest, 'run')} per hour</span>
        <span>now</span>
      </figcaption>
    </figure>
  );
}

function runsOf(hour: Hour): number {
  return STATUS_ORDER.reduce((sum, status) => sum + hour[status], 0);
}

function Bar({ hour, x, scale }: { hour: Hour; x: number; scale: number }) {
  const parts = STATUS_ORDER.filter((status) => hour[status] > 0);
  const counts = parts.map((status) => `${hour[status]} ${status}`).join(', ');
  const title = `${CLOCK.format(Date.parse(hour.hour))}: ${counts}`;
  const tops: { status: string; y: number; height: number }[] = [];
  let y = HEIGHT;
  for (const status of parts) {
    const height = Math.max(MIN_BAR, hour[status] * scale);
    y -= height;
    tops.push({ status, y, height });
  }
  return (
    <g>
      <title>{title}</title>
      {tops.map((part) => (
        <rect key={part.status} className={part.status} x={x} width={SLOT - GAP} y={part.y} height={part.height} />
      ))}
    </g>
  );
}
