import { useMemo } from "react";
import { FormSelect, FormSelectOption } from "@patternfly/react-core";
import { useQuery } from "../../app/router";
import { Chart } from "../../components/chart";
import type { Point } from "../../components/chart";
import { useResource } from "../../components/use-resource";

interface Series {
  from: number;
  to: number;
  points: (number | null)[][];
}

const RANGES = [
  ["hour", "The last hour", 3600, 60],
  ["day", "The last day", 86400, 900],
  ["week", "The last week", 7 * 86400, 3600],
  ["month", "The last 30 days", 30 * 86400, 21600],
] as const;

const NAMES = [
  ["requests", "Requests", "", "plain"],
  ["denials", "Refused", "", "bad"],
  ["latency", "Answer time, 95 %", " ms", "plain"],
  ["sessions", "Sessions", "", "plain"],
] as const;

// The last number of a point: of latency the slower one. Where nobody counted there is no point.
export function pointsOf(series: Series): Point[] {
  const points: Point[] = [];
  for (const row of series.points) {
    const at = row[0];
    const value = row[row.length - 1];
    if (typeof at === "number" && typeof value === "number" && row.length > 1) points.push({ at: at * 1000, value });
  }
  return points;
}

function One({ name, title, unit, tone, seconds, step }: { name: string; title: string; unit: string; tone: "bad" | "plain"; seconds: number; step: number }) {
  const query = useMemo(() => ({ name, step, from: Math.floor(Date.now() / 1000) - seconds }), [name, step, seconds]);
  const { data, error } = useResource<Series>("series", query, ["health"]);
  if (error !== null) return <p role="alert">{`${title}: ${error.message}`}</p>;
  return <Chart title={title} unit={unit} tone={tone} points={data === null ? [] : pointsOf(data)} from={data === null ? query.from * 1000 : data.from * 1000} to={data === null ? Date.now() : data.to * 1000} days={seconds > 86400} />;
}

export function Charts() {
  const [chosen, setChosen] = useQuery("over");
  const range = RANGES.find(([name]) => name === chosen) ?? RANGES[0];
  return (
    <section aria-label="Over time" className="console-wide">
      <FormSelect
        aria-label="How far back"
        className="console-range"
        value={range[0]}
        onChange={(_, value) => setChosen(value === "hour" ? "" : value)}
      >
        {RANGES.map(([name, title]) => (
          <FormSelectOption key={name} value={name} label={title} />
        ))}
      </FormSelect>
      <div className="console-charts">
        {NAMES.map(([name, title, unit, tone]) => (
          <One key={name} name={name} title={title} unit={unit} tone={tone} seconds={range[2]} step={range[3]} />
        ))}
      </div>
    </section>
  );
}
