import { useState } from "react";
import { Button, Checkbox, Label, PageSection, Spinner, Title } from "@patternfly/react-core";
import { call } from "../../api/client";
import type { Activity, Me, Passkey, Session, Token } from "../../api/types";
import { segment } from "../../app/router";
import { DataTable } from "../../components/data-table";
import { Dialog, SecretDialog } from "../../components/dialog";
import { Empty } from "../../components/empty";
import { Facts } from "../../components/facts";
import { Field } from "../../components/field";
import { PageHead } from "../../components/page-head";
import { ProblemAlert } from "../../components/problem";
import { Tags } from "../../components/tags";
import { Time } from "../../components/time";
import { useList } from "../../components/use-list";
import { useResource } from "../../components/use-resource";
import { OutcomeLabel } from "../audit/outcome";
import { sessionColumns } from "../sessions/columns";
import { tokenColumns } from "../tokens/columns";

function Password({ onClose }: { onClose: () => void }) {
  const [current, setCurrent] = useState("");
  const [password, setPassword] = useState("");
  const [again, setAgain] = useState("");
  const [end, setEnd] = useState(true);
  return (
    <Dialog
      title="A new password"
      action="Change password"
      disabled={password === "" || password !== again}
      change={async () => {
        await call("PUT", "me/password", { body: { current, password, end_sessions: end } });
      }}
      onClose={onClose}
    >
      <Field label="Present password" type="password" autoComplete="current-password" value={current} onChange={setCurrent} required />
      <Field
        label="New password"
        type="password"
        autoComplete="new-password"
        value={password}
        onChange={setPassword}
        required
        help="8 to 256 characters. Long is better than odd."
      />
      <Field
        label="New password, once more"
        type="password"
        autoComplete="new-password"
        value={again}
        onChange={setAgain}
        required
        help={again !== "" && again !== password ? "The two are not the same yet." : undefined}
      />
      <Checkbox id="password-end" label="End all my other sessions" isChecked={end} onChange={(_, on) => setEnd(on)} />
    </Dialog>
  );
}

function Passkeys() {
  const { data, error, reload } = useResource<{ passkeys: Passkey[] }>("me/passkeys", undefined, ["users"]);
  const [naming, setNaming] = useState<Passkey | null>(null);
  const [name, setName] = useState("");
  const [removing, setRemoving] = useState<Passkey | null>(null);
  return (
    <section className="console-section">
      <Title headingLevel="h2">Passkeys</Title>
      <p>
        <a href="/account/passkeys/add">Add a passkey</a>: one on the device, one on a key that lies in a drawer.
      </p>
      <DataTable
        label="Passkeys"
        rows={data?.passkeys ?? null}
        rowKey={(k) => k.id}
        error={error}
        reload={reload}
        columns={[
          { title: "Name", cell: (k) => k.name },
          { title: "Made", cell: (k) => <Time at={k.made} /> },
          { title: "Last used", cell: (k) => <Time at={k.last_used} /> },
          { title: "Kind", cell: (k) => (k.disabled === true ? <Label status="danger">disabled</Label> : k.synced === true ? "synced" : "of one device") },
        ]}
        actions={[
          {
            word: "Rename",
            title: (k) => `Rename the passkey ${k.name}`,
            run: (k) => {
              setName(k.name);
              setNaming(k);
            },
          },
          { word: "Remove", danger: true, title: (k) => `Remove the passkey ${k.name}`, run: setRemoving },
        ]}
        empty={<Empty title="No passkey yet">A passkey cannot be phished, and is quicker than a password with a code.</Empty>}
      />
      {naming !== null && (
        <Dialog
          title="Rename this passkey"
          action="Rename"
          disabled={name.trim() === ""}
          change={async () => {
            await call("PUT", `me/passkeys/${segment(naming.id)}`, { body: { name: name.trim() } });
            reload();
          }}
          onClose={() => setNaming(null)}
        >
          <Field label="Name" value={name} onChange={setName} required />
        </Dialog>
      )}
      {removing !== null && (
        <Dialog
          title="Remove this passkey?"
          action="Remove passkey"
          danger
          change={async () => {
            await call("DELETE", `me/passkeys/${segment(removing.id)}`);
            reload();
          }}
          onClose={() => setRemoving(null)}
        >
          <p>
            <strong>{removing.name}</strong> does not log you in any more.
          </p>
        </Dialog>
      )}
    </section>
  );
}

type Asked = "password" | "totp" | "recovery" | "sessions";

function Credentials({ me, reload }: { me: Me; reload: () => void }) {
  const [asked, setAsked] = useState<Asked | null>(null);
  const [codes, setCodes] = useState<string[] | null>(null);
  const close = () => setAsked(null);
  return (
    <>
      <Facts
        facts={[
          ["Name", me.name],
          ["Groups", <Tags key="groups" names={me.groups} />],
          ["Password", me.directory === null ? me.password : `checked by directory ${me.directory}`],
          ["Authenticator", me.totp],
          ["Recovery codes left", String(me.recovery_left)],
          ["Mail address", me.mail === "" ? "none" : me.mail],
        ]}
      />
      <div className="console-buttons console-section">
        {me.directory === null && (
          <Button variant="secondary" onClick={() => setAsked("password")}>
            Change password
          </Button>
        )}
        <Button variant="secondary" onClick={() => setAsked("totp")}>
          {me.totp === "set" ? "New authenticator" : "Set up an authenticator"}
        </Button>
        {me.totp === "set" && (
          <Button variant="secondary" onClick={() => setAsked("recovery")}>
            New recovery codes
          </Button>
        )}
        <Button variant="secondary" onClick={() => setAsked("sessions")}>
          End my other sessions
        </Button>
      </div>
      {asked === "password" && <Password onClose={close} />}
      {asked === "totp" && (
        <Dialog
          title="A new authenticator"
          action="Go on"
          change={async () => {
            const { body } = await call<{ link: string }>("POST", "me/totp", { body: {} });
            const to = new URL(body.link, window.location.href);
            if (to.origin === window.location.origin) window.location.assign(to.href);
          }}
          onClose={close}
        >
          <p>The next page shows a secret to scan. The present one is good until you have typed in the first new code.</p>
        </Dialog>
      )}
      {asked === "recovery" && (
        <Dialog
          title="Make new recovery codes?"
          action="Make codes"
          change={async () => {
            const { body } = await call<{ recovery: string[] }>("POST", "me/recovery", { body: {} });
            setCodes(body.recovery);
            reload();
          }}
          onClose={close}
        >
          <p>Ten new ones; the old ones are void then.</p>
        </Dialog>
      )}
      {asked === "sessions" && (
        <Dialog
          title="End your other sessions?"
          action="End them"
          danger
          change={async () => {
            await call("DELETE", "me/sessions");
          }}
          onClose={close}
        >
          <p>Every session of yours but this one ends, with what is open under it.</p>
        </Dialog>
      )}
      {codes !== null && (
        <SecretDialog title="Recovery codes" onClose={() => setCodes(null)}>
          <p>Each is good once, when the authenticator is not at hand. They are not shown again.</p>
          <ul className="console-codes">
            {codes.map((c) => (
              <li key={c}>
                <code>{c}</code>
              </li>
            ))}
          </ul>
        </SecretDialog>
      )}
    </>
  );
}

export default function Account() {
  const { data: me, error, reload } = useResource<Me>("me", undefined, ["users"]);
  const sessions = useList<Session>("me/sessions", "sessions", {}, ["sessions"]);
  const tokens = useList<Token>("me/tokens", "tokens", {}, ["tokens"]);
  const activity = useResource<{ records: Activity[] }>("me/activity", { limit: 20 }, ["audit"]);
  const [ending, setEnding] = useState<Session | null>(null);
  const [revoking, setRevoking] = useState<Token | null>(null);
  return (
    <PageSection>
      <PageHead title="My account">What you log in with, where you are logged in, and what was done in your name.</PageHead>
      {error !== null && <ProblemAlert error={error} again={reload} />}
      {me === null ? error === null && <Spinner aria-label="Loading" /> : <Credentials me={me} reload={reload} />}
      <Passkeys />
      <section className="console-section">
        <Title headingLevel="h2">Sessions</Title>
        <DataTable
          label="My sessions"
          rows={sessions.rows}
          rowKey={(s) => s.id}
          columns={sessionColumns(false)}
          error={sessions.error}
          reload={sessions.reload}
          paging={sessions.paging}
          actions={[{ word: "End", danger: true, title: (s) => `End my session at ${s.host} from ${s.source}`, run: setEnding }]}
          empty={<Empty title="No session">That is odd: you are here.</Empty>}
        />
      </section>
      <section className="console-section">
        <Title headingLevel="h2">Tokens</Title>
        <DataTable
          label="My tokens"
          rows={tokens.rows}
          rowKey={(t) => t.id}
          columns={tokenColumns(false)}
          error={tokens.error}
          reload={tokens.reload}
          paging={tokens.paging}
          actions={[{ word: "Revoke", danger: true, title: (t) => `Revoke my token ${t.name}`, run: setRevoking }]}
          empty={<Empty title="No token">An administrator can make one for a program of yours.</Empty>}
        />
      </section>
      <section className="console-section">
        <Title headingLevel="h2">Activity</Title>
        <DataTable
          label="My activity"
          rows={activity.data?.records ?? null}
          rowKey={(r) => String(r.seq)}
          error={activity.error}
          reload={activity.reload}
          columns={[
            { title: "When", cell: (r) => <Time at={r.time} /> },
            { title: "What", cell: (r) => r.text },
            { title: "About", cell: (r) => r.target },
            { title: "From", cell: (r) => <span className="console-mono">{r.source}</span> },
            { title: "Outcome", cell: (r) => <OutcomeLabel outcome={r.outcome} /> },
          ]}
          empty={<Empty title="Nothing yet">What you do stands here.</Empty>}
        />
      </section>
      {ending !== null && (
        <Dialog
          title="End this session?"
          action="End session"
          danger
          change={async () => {
            await call("DELETE", `me/sessions/${segment(ending.id)}`);
            sessions.reload();
          }}
          onClose={() => setEnding(null)}
        >
          <p>
            At {ending.host}, from {ending.source}. If you do not know it, change your password as well.
          </p>
        </Dialog>
      )}
      {revoking !== null && (
        <Dialog
          title="Revoke this token?"
          action="Revoke token"
          danger
          change={async () => {
            await call("DELETE", `me/tokens/${segment(revoking.name)}`);
            tokens.reload();
          }}
          onClose={() => setRevoking(null)}
        >
          <p>
            <strong>{revoking.name}</strong> opens nothing any more.
          </p>
        </Dialog>
      )}
    </PageSection>
  );
}
