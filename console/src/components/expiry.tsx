// How long something is good for, in words and colour.
import { Label } from "@patternfly/react-core";

const DAY = 86400000;

export function daysLeft(until: string, now = Date.now()): number {
  return Math.floor((Date.parse(until) - now) / DAY);
}

export function Expiry({ until }: { until: string }) {
  const days = daysLeft(until);
  const text = days < 0 ? "expired" : days === 0 ? "ends today" : days === 1 ? "1 day left" : `${days} days left`;
  return (
    <Label isCompact color={days < 7 ? "red" : days < 30 ? "orange" : "green"}>
      {text}
    </Label>
  );
}

// A moment, in the reader's own time, with the exact one in the page.
export function Moment({ at }: { at: string | null | undefined }) {
  if (at === null || at === undefined || at === "") return <span className="console-quiet">never</span>;
  const date = new Date(at);
  return <time dateTime={at}>{Number.isNaN(date.getTime()) ? at : date.toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" })}</time>;
}
