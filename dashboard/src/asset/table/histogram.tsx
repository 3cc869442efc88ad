interface HistogramProps {
  label: string;
  counts: number[];
  from: string;
  to: string;
}

const HEIGHT = 40;

/** Bars of equal intervals. */
export function Histogram({ label, counts, from, to }: HistogramProps) {
  const most = Math.max(...counts, 1);
  return (
    <svg
      className="histogram"
      viewBox={`0 0 ${counts.length} ${HEIGHT}`}
      preserveAspectRatio="none"
      role="img"
      aria-label={`${label}, from ${from} to ${to}`}
    >
      {counts.map((value, index) => {
        // A bar that is not empty is visible.
        const height = value === 0 ? 0 : Math.max(1, (value / most) * HEIGHT);
        return <rect key={index} x={index + 0.06} y={HEIGHT - height} width={0.88} height={height} />;
      })}
    </svg>
  );
}
