import { Label } from "@patternfly/react-core";
import type { Session } from "../../api/types";
import type { Column } from "../../components/data-table";
import { PersonLink } from "../../components/person-link";
import { Time } from "../../components/time";

export function agentOf(text: string): string {
  const known = /(Edg|OPR|Firefox|Chrome|Safari)\/(\d+)/.exec(text);
  const system = /(Windows|Android|iPhone|iPad|Mac OS X|Linux)/.exec(text)?.[1];
  if (known === null) return text === "" ? "not said" : text.slice(0, 80);
  const name = known[1] === "Edg" ? "Edge" : known[1] === "OPR" ? "Opera" : (known[1] ?? "");
  return `${name} ${known[2] ?? ""}${system === undefined ? "" : ` on ${system}`}`;
}

export function sessionColumns(people: boolean): Column<Session>[] {
  const columns: Column<Session>[] = [
    { title: "Where", cell: (s) => (s.parent === null ? "Portal" : s.host) },
    { title: "From", cell: (s) => <span className="console-mono">{s.source}</span> },
    { title: "Browser", cell: (s) => <span title={s.agent}>{agentOf(s.agent)}</span> },
    { title: "Proven", cell: (s) => <Label isCompact>{s.assurance}</Label> },
    { title: "Last seen", cell: (s) => <Time at={s.last_seen} /> },
    { title: "Ends", cell: (s) => <Time at={s.idle_until < s.ends_at ? s.idle_until : s.ends_at} /> },
  ];
  if (!people) return columns;
  return [
    {
      title: "Person",
      cell: (s) => <PersonLink name={s.user} />,
    },
    ...columns,
  ];
}
