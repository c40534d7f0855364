// What is shown, as a file. The server gives it in parts; they are put together here, and the
// browser keeps the whole.
import { useRef, useState } from "react";
import { Button } from "@patternfly/react-core";
import { part, ProblemError } from "../api/client";
import type { Ask } from "../api/client";

type Format = "csv" | "jsonl";

const TYPES: Record<Format, string> = { csv: "text/csv", jsonl: "application/jsonl" };

function keep(parts: string[], format: Format, name: string): void {
  const url = URL.createObjectURL(new Blob(parts, { type: TYPES[format] }));
  const a = document.createElement("a");
  a.href = url;
  a.download = `${name}.${format}`;
  document.body.append(a);
  a.click();
  a.remove();
  // The browser has begun to read it by then.
  window.setTimeout(() => URL.revokeObjectURL(url), 60000);
}

export function Exports({ path, name, query }: { path: string; name: string; query: Ask["query"] }) {
  const stop = useRef<AbortController | null>(null);
  const [said, setSaid] = useState("");
  const [busy, setBusy] = useState(false);
  const run = async (format: Format) => {
    const control = new AbortController();
    stop.current = control;
    setBusy(true);
    const parts: string[] = [];
    let size = 0;
    let after: string | null = null;
    try {
      do {
        const one: { text: string; next: string | null } = await part(path, { ...query, format, after: after ?? undefined }, control.signal);
        parts.push(one.text);
        size += one.text.length;
        after = one.next;
        setSaid(`${Math.ceil(size / 1024)} KiB so far`);
      } while (after !== null);
      keep(parts, format, name);
      setSaid(`${Math.ceil(size / 1024)} KiB exported`);
    } catch (e) {
      setSaid(control.signal.aborted ? "Stopped; nothing was kept" : e instanceof ProblemError ? e.message : String(e));
    } finally {
      setBusy(false);
    }
  };
  return (
    <>
      <span role="status" className="console-small">
        {said}
      </span>
      {busy ? (
        <Button variant="secondary" onClick={() => stop.current?.abort()}>
          Stop
        </Button>
      ) : (
        (["csv", "jsonl"] as const).map((format) => (
          <Button key={format} variant="secondary" onClick={() => void run(format)}>
            Export {format === "csv" ? "CSV" : "JSON lines"}
          </Button>
        ))
      )}
    </>
  );
}
