const HEIGHT = 100;
const SLOT = 10;
const GAP = 2;
/** A bar of a few beside one of thousands remains visible. */
const MIN_BAR = 2;

export interface BarPart {
  /** The class of the color. */
  tone: string;
  value: number;
}

export interface StackedBar {
  key: string;
  /** Shown when the pointer is on the bar. */
  title: string;
  /** From the bottom to the top. */
  parts: BarPart[];
}

interface StackedBarsProps {
  bars: StackedBar[];
  /** What the bars show, for screen readers. */
  label: string;
  /** The texts below the bars: at their beginning, middle and end. */
  scale: [start: string, middle: string, end: string];
}

/** Bars of equal periods, oldest first. The highest fills the height. */
export function StackedBars({ bars, label, scale }: StackedBarsProps) {
  const highest = Math.max(...bars.map(heightOf)) || 1;
  return (
    <figure className="bars-figure">
      <svg
        className="bars"
        viewBox={`0 0 ${bars.length * SLOT} ${HEIGHT}`}
        preserveAspectRatio="none"
        role="img"
        aria-label={label}
      >
        <line
          className="axis"
          x1="0"
          x2={bars.length * SLOT}
          y1={HEIGHT}
          y2={HEIGHT}
          vectorEffect="non-scaling-stroke"
        />
        {bars.map((bar, index) => (
          <Bar key={bar.key} bar={bar} x={index * SLOT + GAP / 2} scale={HEIGHT / highest} />
        ))}
      </svg>
      <figcaption className="bars-scale" aria-hidden="true">
        {scale.map((text, index) => (
          <span key={index}>{text}</span>
        ))}
      </figcaption>
    </figure>
  );
}

export function heightOf({ parts }: StackedBar): number {
  return parts.reduce((sum, { value }) => sum + value, 0);
}

function Bar({ bar, x, scale }: { bar: StackedBar; x: number; scale: number }) {
  const shown: { tone: string; y: number; height: number }[] = [];
  let y = HEIGHT;
  for (const { tone, value } of bar.parts) {
    if (value <= 0) continue;
    const height = Math.max(MIN_BAR, value * scale);
    y -= height;
    shown.push({ tone, y, height });
  }
  return (
    <g>
      <title>{bar.title}</title>
      {shown.map((part) => (
        <rect key={part.tone} className={part.tone} x={x} width={SLOT - GAP} y={part.y} height={part.height} />
      ))}
    </g>
  );
}
