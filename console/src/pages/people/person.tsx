import { useState } from "react";
import { Button, Checkbox, Label, PageSection, Spinner, Title } from "@patternfly/react-core";
import { call } from "../../api/client";
import type { Passkey, Session, Token, User } from "../../api/types";
import { Link, segment, useRouter } from "../../app/router";
import { useMay, useSession } from "../../app/session";
import { DataTable } from "../../components/data-table";
import { Dialog } from "../../components/dialog";
import { Empty } from "../../components/empty";
import { Facts } from "../../components/facts";
import { Field, words } from "../../components/field";
import { PageHead } from "../../components/page-head";
import { ProblemAlert } from "../../components/problem";
import { Tags } from "../../components/tags";
import { Time } from "../../components/time";
import { useList } from "../../components/use-list";
import { useResource } from "../../components/use-resource";
import { sessionColumns } from "../sessions/columns";
import { tokenColumns } from "../tokens/columns";
import { LinkDialog, StateLabel } from "./index";

type Asked = "disable" | "enable" | "groups" | "mail" | "enrol" | "reset" | "end" | "remove";

const FACTORS = [
  ["password", "The password"],
  ["authenticator", "The authenticator, with its recovery codes"],
  ["passkeys", "All passkeys"],
] as const;

interface AskProps {
  user: User;
  etag: string | null;
  asked: Asked;
  onClose: () => void;
  onDone: () => void;
  onLink: (link: string) => void;
}

function Ask({ user, etag, asked, onClose, onDone, onLink }: AskProps) {
  const { go } = useRouter();
  const [text, setText] = useState(asked === "groups" ? user.groups.join(" ") : asked === "mail" ? user.mail : "");
  const [lost, setLost] = useState<string[]>([]);
  const path = `users/${segment(user.name)}`;
  const send = (method: string, below: string, body?: unknown) => async () => {
    const { body: answer } = await call<{ enrol?: { link: string } } | null>(method, path + below, { body, etag });
    if (answer?.enrol !== undefined) onLink(answer.enrol.link);
    onDone();
  };
  const who = <strong>{user.name}</strong>;
  switch (asked) {
    case "disable":
      return (
        <Dialog title="Disable this user?" action="Disable" danger change={send("POST", "/disable", {})} onClose={onClose}>
          <p>{who} may not log in any more; sessions and connections end at once, and tokens rest.</p>
        </Dialog>
      );
    case "enable":
      return (
        <Dialog title="Enable this user?" action="Enable" change={send("POST", "/enable", {})} onClose={onClose}>
          <p>{who} may log in again. Failed attempts are forgotten.</p>
        </Dialog>
      );
    case "groups":
      return (
        <Dialog
          title="Groups"
          action="Set groups"
          change={send("PUT", "/groups", { groups: words(text) })}
          onClose={onClose}
        >
          <Field label="Groups" value={text} onChange={setText} help="All groups afterwards, with spaces between them." />
        </Dialog>
      );
    case "mail":
      return (
        <Dialog title="Mail address" action="Set address" change={send("PUT", "/mail", { mail: text.trim() })} onClose={onClose}>
          <Field label="Mail address" value={text} onChange={setText} help="Notices go there; empty for none." />
        </Dialog>
      );
    case "enrol":
      return (
        <Dialog title="Make an enrolment link?" action="Make link" change={send("POST", "/enrol", {})} onClose={onClose}>
          <p>An older link of {who} is void then.</p>
        </Dialog>
      );
    case "reset":
      return (
        <Dialog
          title="What was lost?"
          action="Reset"
          danger
          disabled={lost.length === 0}
          change={send("POST", "/reset", { lost })}
          onClose={onClose}
        >
          <p>What {who} has lost is removed, sessions end, and a link sets it anew.</p>
          {FACTORS.map(([factor, title]) => (
            <Checkbox
              key={factor}
              id={`lost-${factor}`}
              label={title}
              isChecked={lost.includes(factor)}
              onChange={(_, on) => setLost(on ? [...lost, factor] : lost.filter((f) => f !== factor))}
            />
          ))}
        </Dialog>
      );
    case "end":
      return (
        <Dialog title="End all sessions?" action="End all sessions" danger change={send("DELETE", "/sessions")} onClose={onClose}>
          <p>Every session of {who} and every connection under it ends at once.</p>
        </Dialog>
      );
    case "remove":
      return (
        <Dialog
          title="Remove this user?"
          action="Remove user"
          danger
          disabled={text !== user.name}
          change={async () => {
            await call("DELETE", path, { etag });
            go("people");
          }}
          onClose={onClose}
        >
          <p>{who} goes with all credentials, sessions and tokens. What the audit trail says of the person stays.</p>
          <Field label="Type the name to go on" value={text} onChange={setText} />
        </Dialog>
      );
  }
}

function Passkeys({ name, may }: { name: string; may: boolean }) {
  const { data, error, reload } = useResource<{ passkeys: Passkey[] }>(`users/${segment(name)}/passkeys`, undefined, ["users"]);
  const [removing, setRemoving] = useState<Passkey | null>(null);
  if (data !== null && data.passkeys.length === 0) return null;
  return (
    <section className="console-section">
      <Title headingLevel="h2">Passkeys</Title>
      <DataTable
        label="Passkeys"
        rows={data?.passkeys ?? null}
        rowKey={(k) => k.id}
        error={error}
        reload={reload}
        columns={[
          { title: "Name", cell: (k) => k.name },
          { title: "Made", cell: (k) => <Time at={k.made} /> },
          { title: "State", cell: (k) => (k.disabled === true ? <Label status="danger">disabled</Label> : <Label status="success">good</Label>) },
        ]}
        actions={may ? [{ word: "Remove", danger: true, title: (k) => `Remove the passkey ${k.name}`, run: setRemoving }] : []}
        empty={null}
      />
      {removing !== null && (
        <Dialog
          title="Remove this passkey?"
          action="Remove passkey"
          danger
          change={async () => {
            await call("DELETE", `users/${segment(name)}/passkeys/${segment(removing.id)}`);
            reload();
          }}
          onClose={() => setRemoving(null)}
        >
          <p>
            <strong>{removing.name}</strong> opens nothing any more, and the person&apos;s sessions end.
          </p>
        </Dialog>
      )}
    </section>
  );
}

export function Person({ name }: { name: string }) {
  const me = useSession();
  const administers = useMay("administrator");
  const operates = useMay("operator", "administrator");
  const audits = useMay("administrator", "auditor");
  const { data: user, etag, error, reload } = useResource<User>(`users/${segment(name)}`, undefined, ["users"]);
  const sessions = useList<Session>("sessions", "sessions", { user: name }, ["sessions"]);
  const tokens = useList<Token>("tokens", "tokens", { owner: name }, ["tokens"]);
  const [asked, setAsked] = useState<Asked | null>(null);
  const [link, setLink] = useState<string | null>(null);
  if (user === null)
    return (
      <PageSection>
        <PageHead title={name} />
        {error === null ? <Spinner aria-label="Loading" /> : <ProblemAlert error={error} again={reload} />}
        <Link to="people">All people</Link>
      </PageSection>
    );
  const ask = (word: string, what: Asked, danger = false) => (
    <Button key={what} variant={danger ? "danger" : "secondary"} onClick={() => setAsked(what)}>
      {word}
    </Button>
  );
  const person = user.kind === "person";
  const bare = user.password === "none" && user.passkeys === 0;
  return (
    <PageSection>
      <nav aria-label="Where this is">
        <Link to="people">People</Link>
      </nav>
      <PageHead
        title={user.name}
        actions={
          <>
            {administers && ask("Groups", "groups")}
            {administers && person && ask("Mail address", "mail")}
            {administers && person && bare && ask("Enrolment link", "enrol")}
            {administers && person && !bare && ask("Something was lost", "reset")}
            {operates && ask("End all sessions", "end")}
            {user.disabled ? administers && ask("Enable", "enable") : operates && user.name !== me.user && ask("Disable", "disable", true)}
            {administers && user.name !== me.user && ask("Remove", "remove", true)}
          </>
        }
      />
      {error !== null && <ProblemAlert error={error} again={reload} />}
      <Facts
        facts={[
          ["State", <StateLabel key="state" user={user} />],
          ["Groups", <Tags key="groups" names={user.groups} />],
          ["Password", user.directory === null ? user.password : `checked by directory ${user.directory}`],
          ["Authenticator", user.totp],
          ["Recovery codes left", String(user.recovery_left)],
          ["Mail address", user.mail === "" ? "none" : user.mail],
          ["Since", <Time key="since" at={user.created} />],
          ...(user.enrol_until === null ? [] : ([["Enrolment link until", <Time key="until" at={user.enrol_until} />]] as const)),
          ...(user.spent.length === 0 ? [] : ([["Locked after failed attempts", user.spent.join(", ")]] as const)),
        ]}
      />
      {audits && (
        <p>
          <Link to={`audit?actor=${encodeURIComponent(user.name)}`}>What {user.name} did</Link>,{" "}
          <Link to={`audit?target=${encodeURIComponent(user.name)}`}>what was done to {user.name}</Link>,{" "}
          <Link to={`access?user=${encodeURIComponent(user.name)}`}>requests</Link>
        </p>
      )}
      <section className="console-section">
        <Title headingLevel="h2">Sessions</Title>
        <DataTable
          label="Sessions"
          rows={sessions.rows}
          rowKey={(s) => s.id}
          columns={sessionColumns(false)}
          error={sessions.error}
          reload={sessions.reload}
          paging={sessions.paging}
          empty={<Empty title="Not on">There is no session of this user now.</Empty>}
        />
      </section>
      <section className="console-section">
        <Title headingLevel="h2">Tokens</Title>
        <DataTable
          label="Tokens"
          rows={tokens.rows}
          rowKey={(t) => t.id}
          columns={tokenColumns(false)}
          error={tokens.error}
          reload={tokens.reload}
          paging={tokens.paging}
          empty={
            <Empty title="No token">
              Programs of this user would use one. <Link to="tokens">Tokens</Link> are made on their own page.
            </Empty>
          }
        />
      </section>
      <Passkeys name={user.name} may={administers} />
      {asked !== null && (
        <Ask user={user} etag={etag} asked={asked} onClose={() => setAsked(null)} onDone={reload} onLink={setLink} />
      )}
      {link !== null && <LinkDialog made={{ name: user.name, link }} onClose={() => setLink(null)} />}
    </PageSection>
  );
}
