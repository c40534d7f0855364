import { Label, PageSection } from "@patternfly/react-core";
import type { AccessRecord } from "../../api/types";
import { useQuery, useRouter } from "../../app/router";
import { DataTable } from "../../components/data-table";
import { Empty } from "../../components/empty";
import { Exports } from "../../components/exports";
import { Filter } from "../../components/filter";
import { PageHead } from "../../components/page-head";
import { PersonLink } from "../../components/person-link";
import { ExactTime } from "../../components/time";
import { NEWEST, useList } from "../../components/use-list";

const REFUSED = new Set(["denied", "unauthenticated", "malformed", "source", "limit"]);

export function Verdict({ record: r }: { record: AccessRecord }) {
  const refused = REFUSED.has(r.outcome);
  return (
    <>
      <Label isCompact status={refused ? "danger" : r.outcome === "upstream" || r.outcome === "unavailable" ? "warning" : "success"}>
        {r.outcome} {r.status}
      </Label>
      {refused && <span className="console-small"> {r.reason}</span>}
    </>
  );
}

// Whom a rule admits without a name stands in red, here as everywhere.
function Who({ record: r }: { record: AccessRecord }) {
  if (r.principal !== "") return <PersonLink name={r.principal} />;
  if (r.outcome === "allowed" && r.route !== "") return <Label isCompact status="danger">anonymous</Label>;
  return <>nobody</>;
}

export default function Access() {
  const { query } = useRouter();
  const [user, setUser] = useQuery("user");
  const [route, setRoute] = useQuery("route");
  const [denials, setDenials] = useQuery("denials");
  const asked = { user, route, denials: query.get("denials") === "1" ? 1 : undefined };
  // Not followed live: every look at this page would itself be news.
  const list = useList<AccessRecord>("access", "records", asked, [], NEWEST);
  return (
    <PageSection>
      <PageHead title="Access records" actions={<Exports path="access/export" name="postern-access" query={asked} />}>
        What was asked of consoles and of this gateway, what was decided, and by which rule.
      </PageHead>
      <Filter
        fields={[
          { label: "Person or token", value: user, onChange: setUser },
          { label: "Route", value: route, onChange: setRoute },
          {
            label: "Which",
            value: denials,
            onChange: setDenials,
            options: [
              ["", "All"],
              ["1", "Refused only"],
            ],
          },
        ]}
      />
      <DataTable
        label="Access records"
        rows={list.rows}
        rowKey={(r) => String(r.seq)}
        error={list.error}
        reload={list.reload}
        paging={list.paging}
        columns={[
          { title: "When", cell: (r) => <ExactTime at={r.time} /> },
          { title: "Who", cell: (r) => <Who record={r} /> },
          { title: "From", cell: (r) => <span className="console-mono">{r.source}</span> },
          { title: "Route", cell: (r) => (r.route === "" ? "portal" : r.route) },
          { title: "Request", cell: (r) => <span className="console-mono">{r.method} {r.path}</span> },
          { title: "Decision", cell: (r) => <Verdict record={r} /> },
          { title: "Rule", cell: (r) => r.rule },
          { title: "Took", cell: (r) => <span className="console-number">{r.duration_ms} ms</span> },
        ]}
        empty={<Empty title="No request like this">Take a filter away, or wait: records come a moment after the request.</Empty>}
      />
    </PageSection>
  );
}
