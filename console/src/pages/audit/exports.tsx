import { link } from "../../api/client";
import type { Ask } from "../../api/client";

// What is shown, as a file: the server streams it, the browser keeps it.
export function Exports({ path, query }: { path: string; query: Ask["query"] }) {
  return (
    <>
      {(["csv", "jsonl"] as const).map((format) => (
        <a key={format} className="pf-v6-c-button pf-m-secondary" href={link(path, { ...query, format })} download>
          Export {format === "csv" ? "CSV" : "JSON lines"}
        </a>
      ))}
    </>
  );
}
