// Times as a person reads them: how long ago, with the exact one for whoever points at it.
import { useEffect, useState } from "react";

const STEPS: [number, string][] = [
  [86400, "day"],
  [3600, "hour"],
  [60, "minute"],
  [1, "second"],
];

export function duration(seconds: number): string {
  for (const [size, name] of STEPS) {
    if (seconds >= size) {
      const n = Math.floor(seconds / size);
      return `${n} ${name}${n === 1 ? "" : "s"}`;
    }
  }
  return "0 seconds";
}

export function exact(at: string): string {
  return at.slice(0, 19).replace("T", " ") + " UTC";
}

export function relative(at: string, now: number): string {
  const away = Math.round((Date.parse(at) - now) / 1000);
  if (Number.isNaN(away)) return at;
  if (Math.abs(away) < 5) return "now";
  return away < 0 ? `${duration(-away)} ago` : `in ${duration(away)}`;
}

export function Time({ at }: { at: string | null | undefined }) {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    const timer = window.setInterval(() => setNow(Date.now()), 30000);
    return () => window.clearInterval(timer);
  }, []);
  if (at === null || at === undefined || at === "") return <span>never</span>;
  return (
    <time dateTime={at} title={exact(at)}>
      {relative(at, now)}
    </time>
  );
}

export function ExactTime({ at }: { at: string }) {
  return (
    <time dateTime={at} className="console-number">
      {exact(at)}
    </time>
  );
}
