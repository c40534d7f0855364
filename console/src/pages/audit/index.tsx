import { useState } from "react";
import { Alert, Button, PageSection } from "@patternfly/react-core";
import { get, ProblemError } from "../../api/client";
import type { AuditRecord, Verification } from "../../api/types";
import { Link, useQuery, useRouter } from "../../app/router";
import { DataTable } from "../../components/data-table";
import { Empty } from "../../components/empty";
import { Exports } from "../../components/exports";
import { Facts } from "../../components/facts";
import type { Fact } from "../../components/facts";
import { Filter } from "../../components/filter";
import { PageHead } from "../../components/page-head";
import { ProblemAlert } from "../../components/problem";
import { ExactTime } from "../../components/time";
import { NEWEST, useList } from "../../components/use-list";
import { useResource } from "../../components/use-resource";
import { OutcomeLabel } from "./outcome";

// Asks until there is a finding; each answer says how far it is.
async function verified(show: (found: Verification) => void): Promise<void> {
  for (;;) {
    const found = await get<Verification>("audit/verify");
    show(found);
    if (found.running !== true) return;
    await new Promise((resolve) => window.setTimeout(resolve, 1000));
  }
}

function Verify() {
  const [busy, setBusy] = useState(false);
  const [found, setFound] = useState<Verification | null>(null);
  const [error, setError] = useState<ProblemError | null>(null);
  const verify = () => {
    setBusy(true);
    setError(null);
    setFound(null);
    verified(setFound)
      .catch((e: unknown) => setError(e instanceof ProblemError ? e : new ProblemError({ title: String(e), status: 0 })))
      .finally(() => setBusy(false));
  };
  return (
    <>
      <Button className="console-wide" variant="secondary" onClick={verify} isLoading={busy} isDisabled={busy}>
        Verify the trail
      </Button>
      <div role="status" className="console-wide">
        {found?.running === true && (
          <p>
            <progress aria-label="Verified" max={found.total} value={found.done} /> {found.done} of {found.total} records
          </p>
        )}
        {found !== null && found.running !== true && (
          <Alert
            isInline
            variant={found.intact ? "success" : "danger"}
            title={found.intact ? `The trail is intact: ${found.count} records` : `The trail is not intact: ${found.finding}`}
          >
            {found.intact ? (
              <p>
                Each record holds the hash of the one before it. The last one is <span className="console-mono">{found.hash}</span>;
                kept elsewhere, it proves later that nothing up to here was changed.
              </p>
            ) : (
              <p>{found.text}</p>
            )}
          </Alert>
        )}
      </div>
      {error !== null && <ProblemAlert error={error} again={verify} />}
    </>
  );
}

// What a date field says, which is this browser's local time, in seconds since 1970.
function seconds(text: string): number | undefined {
  const ms = Date.parse(text);
  return Number.isNaN(ms) ? undefined : Math.floor(ms / 1000);
}

function Trail() {
  const [event, setEvent] = useQuery("event");
  const [actor, setActor] = useQuery("actor");
  const [target, setTarget] = useQuery("target");
  const [words, setWords] = useQuery("text");
  const [since, setSince] = useQuery("since");
  const [until, setUntil] = useQuery("until");
  const asked = { event, actor, target, text: words, since: seconds(since), until: seconds(until) };
  const query = { ...asked, order: "newest" };
  const list = useList<AuditRecord>("audit", "records", query, ["audit"], NEWEST);
  const narrowed = Object.values(asked).some((value) => value !== "" && value !== undefined);
  return (
    <PageSection>
      <PageHead title="Audit trail" actions={<Exports path="audit/export" name="postern-audit" query={asked} />}>
        Every change, login and refusal of one, in a chain that shows whether anything was taken out of it.
      </PageHead>
      <Verify />
      <Filter
        fields={[
          { label: "Event", value: event, onChange: setEvent },
          { label: "By", value: actor, onChange: setActor },
          { label: "About", value: target, onChange: setTarget },
          { label: "With the words", value: words, onChange: setWords },
          { label: "Not before", value: since, onChange: setSince, type: "datetime-local" },
          { label: "Before", value: until, onChange: setUntil, type: "datetime-local" },
        ]}
      />
      <DataTable
        label="Audit trail"
        rows={list.rows}
        rowKey={(r) => String(r.seq)}
        error={list.error}
        reload={list.reload}
        paging={list.paging}
        columns={[
          { title: "No.", cell: (r) => <Link to={`audit/${r.seq}`}>{r.seq}</Link> },
          { title: "When", cell: (r) => <ExactTime at={r.time} /> },
          { title: "By", cell: (r) => (r.actor === "" ? r.actor_kind : r.actor) },
          { title: "Event", cell: (r) => <span className="console-mono">{r.event}</span> },
          { title: "About", cell: (r) => r.target },
          { title: "From", cell: (r) => <span className="console-mono">{r.source}</span> },
          { title: "Outcome", cell: (r) => <OutcomeLabel outcome={r.outcome} /> },
        ]}
        empty={
          <Empty title={narrowed ? "No record like this" : "No record yet"}>
            {narrowed ? "Events have names such as login or user.added; names are to be whole." : "The first change makes one."}
          </Empty>
        }
      />
    </PageSection>
  );
}

function Record({ seq }: { seq: number }) {
  // The list goes on after a number: the record of this one is the first after the one before it.
  const { data, error, reload } = useResource<{ records: AuditRecord[] }>("audit", {
    order: "oldest",
    limit: 1,
    after: seq > 1 ? seq - 1 : undefined,
  });
  const r = data?.records.find((one) => one.seq === seq);
  const facts: Fact[] =
    r === undefined
      ? []
      : [
          ["When", <ExactTime key="at" at={r.time} />],
          ["Event", r.event],
          ["Outcome", <OutcomeLabel key="outcome" outcome={r.outcome} />],
          ["By", `${r.actor} (${r.actor_kind})`],
          ["About", r.target === "" ? "nothing in particular" : r.target],
          ["From", r.source === "" ? "this host" : r.source],
          ["Request", r.request_id === "" ? "none" : r.request_id],
          ["Details", <pre key="detail" className="console-pre">{typeof r.detail === "string" ? r.detail : JSON.stringify(r.detail, null, 2)}</pre>],
          ["Hash of the one before", <span key="prev" className="console-mono">{r.prev}</span>],
          ["Hash", <span key="hash" className="console-mono">{r.hash}</span>],
        ];
  return (
    <PageSection>
      <nav aria-label="Where this is">
        <Link to="audit">Audit trail</Link>
      </nav>
      <PageHead title={`Record ${seq}`} />
      {error !== null && <ProblemAlert error={error} again={reload} />}
      {data !== null && r === undefined && <Empty title="No such record">It was never made, or retention has taken it away.</Empty>}
      {r !== undefined && <Facts facts={facts} />}
    </PageSection>
  );
}

export default function Page() {
  const { path } = useRouter();
  const seq = Number(path.split("/")[1] ?? "");
  return Number.isInteger(seq) && seq > 0 ? <Record key={seq} seq={seq} /> : <Trail />;
}
