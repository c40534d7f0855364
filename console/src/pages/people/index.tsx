import { useState } from "react";
import { Button, Checkbox, Label, PageSection } from "@patternfly/react-core";
import { call } from "../../api/client";
import type { User } from "../../api/types";
import { Link, segment, useRouter } from "../../app/router";
import { useMay } from "../../app/session";
import { Copy } from "../../components/copy";
import { DataTable } from "../../components/data-table";
import { Dialog, SecretDialog } from "../../components/dialog";
import { Empty } from "../../components/empty";
import { Choice, Field, words } from "../../components/field";
import { Filter } from "../../components/filter";
import { PageHead } from "../../components/page-head";
import { Tags } from "../../components/tags";
import { Time } from "../../components/time";
import { useList } from "../../components/use-list";
import { Person } from "./person";

export function StateLabel({ user }: { user: User }) {
  if (user.disabled) return <Label status="danger">disabled</Label>;
  if (user.kind === "service") return <Label>service account</Label>;
  if (user.password === "none" && user.passkeys === 0 && user.directory === null)
    return <Label status="warning">{user.enrol_until === null ? "no credentials" : "invited"}</Label>;
  return <Label status="success">active</Label>;
}

interface Made {
  name: string;
  link: string | null;
}

function AddUser({ onClose, onMade }: { onClose: () => void; onMade: (made: Made) => void }) {
  const [name, setName] = useState("");
  const [groups, setGroups] = useState("");
  const [kind, setKind] = useState("person");
  const [enrol, setEnrol] = useState(true);
  return (
    <Dialog
      title="Add a user"
      action="Add user"
      disabled={name.trim() === ""}
      change={async (idempotent) => {
        const service = kind === "service";
        const body = { name: name.trim(), groups: words(groups), service, enrol: !service && enrol };
        const { body: made } = await call<{ enrol?: { link: string } }>("POST", "users", { body, idempotent });
        onMade({ name: name.trim(), link: made.enrol?.link ?? null });
      }}
      onClose={onClose}
    >
      <Field label="Name" value={name} onChange={setName} required help="Lower case; it never changes." />
      <Choice
        label="Kind"
        value={kind}
        onChange={setKind}
        options={[
          ["person", "A person, who logs in"],
          ["service", "A service account, which has tokens only"],
        ]}
      />
      <Field label="Groups" value={groups} onChange={setGroups} help="Names of groups that exist, with spaces between them." />
      {kind === "person" && (
        <Checkbox
          id="add-user-enrol"
          label="Make an enrolment link, good for 24 hours"
          isChecked={enrol}
          onChange={(_, on) => setEnrol(on)}
        />
      )}
    </Dialog>
  );
}

export function LinkDialog({ made, onClose }: { made: Made; onClose: () => void }) {
  return (
    <SecretDialog title="An enrolment link" onClose={onClose}>
      <p>
        Give this link to <strong>{made.name}</strong> by a way that nobody else reads. It works once, for 24 hours, and is
        not shown again.
      </p>
      <Copy label="Enrolment link" text={made.link ?? ""} />
    </SecretDialog>
  );
}

function People() {
  const may = useMay("administrator");
  const { go } = useRouter();
  const list = useList<User>("users", "users", {}, ["users"]);
  const [adding, setAdding] = useState(false);
  const [made, setMade] = useState<Made | null>(null);
  return (
    <PageSection>
      <PageHead title="People" actions={may && <Button onClick={() => setAdding(true)}>Add a user</Button>}>
        Who may log in, and accounts of programs. Groups say what rules and roles they have.
      </PageHead>
      <Filter
        fields={[{ label: "Open a person", value: "", onChange: (n) => n !== "" && go(`people/${segment(n.toLowerCase())}`) }]}
      />
      <DataTable
        label="People"
        rows={list.rows}
        rowKey={(u) => u.name}
        error={list.error}
        reload={list.reload}
        paging={list.paging}
        columns={[
          { title: "Name", cell: (u) => <Link to={`people/${segment(u.name)}`}>{u.name}</Link> },
          { title: "State", cell: (u) => <StateLabel user={u} /> },
          { title: "Groups", cell: (u) => <Tags names={u.groups} /> },
          { title: "Signs in with", cell: (u) => waysOf(u) },
          { title: "Since", cell: (u) => <Time at={u.created} /> },
        ]}
        empty={
<Empty title="Nobody yet">Add a user and send the enrolment link.</Empty>
        }
      />
      {adding && (
        <AddUser
          onClose={() => setAdding(false)}
          onMade={(m) => {
            list.reload();
            if (m.link === null) go(`people/${segment(m.name)}`);
            else setMade(m);
          }}
        />
      )}
      {made !== null && (
        <LinkDialog
          made={made}
          onClose={() => {
            setMade(null);
            go(`people/${segment(made.name)}`);
          }}
        />
      )}
    </PageSection>
  );
}

export function waysOf(u: User): string {
  const ways = [
    u.directory !== null ? `directory ${u.directory}` : u.password === "set" ? "password" : "",
    u.totp === "set" ? "authenticator" : "",
    u.passkeys > 0 ? `${u.passkeys} passkey${u.passkeys === 1 ? "" : "s"}` : "",
  ].filter((w) => w !== "");
  return ways.length === 0 ? "nothing" : ways.join(", ");
}

export default function Page() {
  const { path } = useRouter();
  const name = path.split("/")[1];
  return name === undefined ? <People /> : <Person key={name} name={decode(name)} />;
}

// What cannot be decoded is no name; the server says so.
export function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
