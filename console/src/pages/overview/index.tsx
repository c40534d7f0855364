import type { ReactNode } from "react";
import { Alert, Card, CardBody, CardFooter, CardTitle, Label, PageSection, Spinner } from "@patternfly/react-core";
import type { AccessRequest, Alarm, AuditRecord, DeniedSource, Health, Session } from "../../api/types";
import { pageOf } from "../../app/pages";
import { Link, segment } from "../../app/router";
import { useMay } from "../../app/session";
import { HealthLabel } from "../../components/health";
import { PageHead } from "../../components/page-head";
import { PersonLink } from "../../components/person-link";
import { ProblemAlert } from "../../components/problem";
import { Time } from "../../components/time";
import { useResource } from "../../components/use-resource";
import type { Resource } from "../../components/use-resource";
import { Charts } from "./charts";

const ROWS = 6;
const SOON_DAYS = 30;

interface PartProps<T> {
  title: string;
  resource: Resource<T>;
  more?: ReactNode;
  children: (data: T) => ReactNode;
}

// One card: its own question, its own trouble; the others do not wait for it.
function Part<T>({ title, resource: { data, error, reload }, more, children }: PartProps<T>) {
  return (
    <Card isCompact component="section">
      <CardTitle component="h2">{title}</CardTitle>
      <CardBody>
        {error !== null && <ProblemAlert error={error} again={reload} />}
        {data === null && error === null && <Spinner size="md" aria-label={`Loading: ${title}`} />}
        {data !== null && children(data)}
      </CardBody>
      {more !== undefined && more !== false && <CardFooter>{more}</CardFooter>}
    </Card>
  );
}

function Lines<T>({ rows, none, line, id }: { rows: T[]; none: string; line: (row: T) => ReactNode; id: (row: T) => string }) {
  if (rows.length === 0) return <p className="console-small">{none}</p>;
  return (
    <ul className="console-lines">
      {rows.slice(0, ROWS).map((row) => (
        <li key={id(row)}>{line(row)}</li>
      ))}
      {rows.length > ROWS && <li className="console-small">and {rows.length - ROWS} more</li>}
    </ul>
  );
}

interface OnNow {
  user: string;
  last: string;
  consoles: number;
}

// One line for a person, the latest first, whatever number of consoles is open.
export function onNow(sessions: Session[]): OnNow[] {
  const people = new Map<string, OnNow>();
  for (const s of sessions) {
    const one = people.get(s.user) ?? { user: s.user, last: s.last_seen, consoles: 0 };
    if (s.parent !== null) one.consoles++;
    if (s.last_seen > one.last) one.last = s.last_seen;
    people.set(s.user, one);
  }
  return [...people.values()].sort((a, b) => (a.last < b.last ? 1 : -1));
}

function Sessions() {
  const resource = useResource<{ sessions: Session[] }>("sessions", { limit: 200 }, ["sessions"]);
  return (
    <Part title="On now" resource={resource} more={<Link to="sessions">Live sessions</Link>}>
      {({ sessions }) => (
        <Lines
          rows={onNow(sessions)}
          none="Nobody."
          id={(p) => p.user}
          line={(p) => (
            <>
              <PersonLink name={p.user} />{" "}
              <span className="console-small">
                {p.consoles === 0 ? "at the portal" : `at ${p.consoles} console${p.consoles === 1 ? "" : "s"}`}, seen <Time at={p.last} />
              </span>
            </>
          )}
        />
      )}
    </Part>
  );
}

function Denials() {
  const resource = useResource<{ sources: DeniedSource[] }>("access/denied", { limit: 50 }, ["health"]);
  return (
    <Part title="Refused in the last day" resource={resource} more={<Link to="access?denials=1">Refused requests</Link>}>
      {({ sources }) => (
        <Lines
          rows={sources}
          none="Nothing was refused."
          id={(s) => s.source}
          line={(s) => (
            <>
              <span className="console-mono">{s.source}</span> <strong>{s.count === 1 ? "once" : `${s.count} times`}</strong>{" "}
              <span className="console-small">
                {s.reason}
                {s.route !== "" && `, ${s.route}`}, <Time at={s.last} />
              </span>
            </>
          )}
        />
      )}
    </Part>
  );
}

const RANK = ["down", "degraded", "unknown", "up"];

function Upstreams({ resource }: { resource: Resource<Health> }) {
  return (
    <Part title="Consoles and upstreams" resource={resource} more={<Link to="routes">Routes and upstreams</Link>}>
      {({ routes }) => (
        <Lines
          rows={[...routes].sort((a, b) => RANK.indexOf(a.upstream) - RANK.indexOf(b.upstream))}
          none="No console yet: add one under Routes and upstreams."
          id={(r) => r.route}
          line={(r) => (
            <>
              <HealthLabel state={r.upstream} /> <Link to={`routes/${segment(r.route)}`}>{r.route}</Link>
            </>
          )}
        />
      )}
    </Part>
  );
}

function Certificate({ resource }: { resource: Resource<Health> }) {
  return (
    <Part title="This gateway" resource={resource} more={<Link to="nodes">Health</Link>}>
      {(health) => {
        const days = Number(health.fleet.certificate_days_left ?? "");
        const known = health.fleet.certificate_days_left !== undefined && Number.isFinite(days);
        return (
          <ul className="console-lines">
            <li>
              <Label status={health.status === "ok" ? "success" : "danger"}>{health.status}</Label> version {health.version}, up since{" "}
              <Time at={health.started} />
            </li>
            {known && (
              <li>
                <Label status={days <= 0 ? "danger" : days <= SOON_DAYS ? "warning" : "success"}>{days} days</Label> left of the{" "}
                <Link to="certificates">certificate</Link>
              </li>
            )}
            <li>
              {health.edges.length} edge{health.edges.length === 1 ? "" : "s"}
              {health.edges.some((e) => e.stalled) && <Label status="danger">one does not answer</Label>}
            </li>
          </ul>
        );
      }}
    </Part>
  );
}

function Requests() {
  const resource = useResource<{ requests: AccessRequest[] }>("requests", { state: "pending", limit: 50 }, ["requests"]);
  if (resource.error?.status === 404) return null; // a gateway of before there were requests
  return (
    <Part title="Waiting for approval" resource={resource} more={pageOf("requests") !== undefined && <Link to="requests">Requests and approvals</Link>}>
      {({ requests }) => (
        <Lines
          rows={requests}
          none="Nobody waits."
          id={(r) => String(r.id)}
          line={(r) => (
            <>
              <PersonLink name={r.user} /> <span className="console-small">{r.rule ?? r.operation ?? r.kind}: {r.reason}</span>
            </>
          )}
        />
      )}
    </Part>
  );
}

function Changes() {
  const resource = useResource<{ records: AuditRecord[] }>("audit", { order: "newest", limit: ROWS }, ["audit"]);
  return (
    <Part title="Latest changes and logins" resource={resource} more={<Link to="audit">Audit trail</Link>}>
      {({ records }) => (
        <Lines
          rows={records}
          none="Nothing yet."
          id={(r) => String(r.seq)}
          line={(r) => (
            <>
              <Link to={`audit/${r.seq}`}>{r.event}</Link> {r.target}{" "}
              <span className="console-small">
                by {r.actor === "" ? r.actor_kind : r.actor}, <Time at={r.time} />
                {r.outcome !== "done" && `, ${r.outcome}`}
              </span>
            </>
          )}
        />
      )}
    </Part>
  );
}

// What somebody should look after, before anything else on the page.
function Alerts() {
  const { data } = useResource<{ alerts: Alarm[] }>("alerts", undefined, ["alerts", "health"]);
  return (
    <>
      {data?.alerts
        .filter((a) => a.acknowledged === undefined || a.acknowledged === null)
        .slice(0, ROWS)
        .map((a) => (
          <Alert key={a.id} isInline variant={a.level === "critical" ? "danger" : "warning"} title={a.text} className="console-wide">
            <Link to="alerts">All alerts</Link>
          </Alert>
        ))}
    </>
  );
}

export default function Overview() {
  const health = useResource<Health>("health", undefined, ["health", "policy"]);
  const reads = useMay("administrator", "auditor");
  return (
    <PageSection>
      <PageHead title="Overview" />
      <Alerts />
      <Charts />
      <div className="console-cards">
        <Sessions />
        <Denials />
        <Upstreams resource={health} />
        <Certificate resource={health} />
        <Requests />
        {reads && <Changes />}
      </div>
    </PageSection>
  );
}
