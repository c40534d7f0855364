// A line over time where a look beats a number. Drawn in SVG: sizes are attributes, colours come
// from the style sheet. Whoever does not see it gets the numbers in the label.
export interface Point {
  at: number; // ms
  value: number;
}

interface Props {
  title: string;
  unit?: string;
  points: Point[];
  from: number; // ms: where the line of time begins, and where it ends
  to: number;
  tone?: "bad" | "plain";
  days?: boolean; // the ends are days and not times of day
}

const WIDTH = 320;
const HEIGHT = 96;
const LEFT = 4;
const TOP = 8;

export function number(n: number): string {
  if (n >= 1e6) return `${(n / 1e6).toFixed(1)} M`;
  if (n >= 1e4) return `${(n / 1e3).toFixed(0)} k`;
  return Number.isInteger(n) ? String(n) : n.toFixed(1);
}

function clock(ms: number, days: boolean): string {
  const at = new Date(ms);
  return days ? at.toLocaleDateString(undefined, { month: "short", day: "numeric" }) : at.toTimeString().slice(0, 5);
}

export function Chart({ title, unit = "", points, from, to, tone = "plain", days = false }: Props) {
  const values = points.map((p) => p.value);
  const most = Math.max(1, ...values);
  const last = values[values.length - 1] ?? 0;
  const span = Math.max(1, to - from);
  const x = (p: Point) => LEFT + (Math.min(Math.max(p.at - from, 0), span) / span) * (WIDTH - 2 * LEFT);
  const y = (p: Point) => HEIGHT - (p.value / most) * (HEIGHT - TOP);
  const line = points.map((p) => `${x(p).toFixed(1)},${y(p).toFixed(1)}`).join(" ");
  const end = points[points.length - 1];
  const says = `${title}: now ${number(last)}${unit}, at most ${number(Math.max(0, ...values))}${unit}`;
  return (
    <figure className="console-chart">
      <figcaption>
        {title} <strong>{number(last)}{unit}</strong>
      </figcaption>
      <svg viewBox={`0 0 ${WIDTH} ${HEIGHT + 2}`} role="img" aria-label={says} className={`console-chart-${tone}`} preserveAspectRatio="none">
        <line x1="0" x2={WIDTH} y1={HEIGHT} y2={HEIGHT} className="console-chart-base" />
        {points.length === 1 && end !== undefined && <polyline points={`${x(end).toFixed(1)},${HEIGHT} ${line}`} />}
        {points.length > 1 && end !== undefined && (
          <>
            <polygon points={`${x(points[0] as Point).toFixed(1)},${HEIGHT} ${line} ${x(end).toFixed(1)},${HEIGHT}`} />
            <polyline points={line} />
          </>
        )}
      </svg>
      <div className="console-chart-axis console-small">
        <span>{clock(from, days)}</span>
        <span>at most {number(Math.max(0, ...values))}{unit}</span>
        <span>{points.length === 0 ? "nothing counted yet" : clock(to, days)}</span>
      </div>
    </figure>
  );
}
