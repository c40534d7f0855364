import { useState } from "react";
import { Button, Label, PageSection } from "@patternfly/react-core";
import { call } from "../../api/client";
import type { Group } from "../../api/types";
import { Link, segment, useRouter } from "../../app/router";
import { useMay } from "../../app/session";
import { DataTable } from "../../components/data-table";
import { Dialog } from "../../components/dialog";
import { Empty } from "../../components/empty";
import { Field } from "../../components/field";
import { PageHead } from "../../components/page-head";
import { useList } from "../../components/use-list";
import { decode } from "../people";

const ROLES: Record<string, string> = {
  owners: "May do everything.",
  administrators: "Look after users, tokens, routes and rules; not after owners and administrators.",
  auditors: "Read everything, change nothing.",
  operators: "Look after health and sessions.",
};

function Members({ name }: { name: string }) {
  const list = useList<string>(`groups/${segment(name)}`, "members", {}, ["users"], undefined, 0);
  return (
    <PageSection>
      <nav aria-label="Where this is">
        <Link to="groups">Groups</Link>
      </nav>
      <PageHead title={name}>{ROLES[name] ?? "Rules name this group."}</PageHead>
      <DataTable
        label="Members"
        rows={list.rows}
        rowKey={(m) => m}
        error={list.error}
        reload={list.reload}
        paging={list.paging}
        columns={[{ title: "Member", cell: (m) => <Link to={`people/${segment(m)}`}>{m}</Link> }]}
        empty={<Empty title="No member yet">Open a person and set the groups there.</Empty>}
      />
    </PageSection>
  );
}

function Groups() {
  const may = useMay("administrator");
  const list = useList<Group>("groups", "groups", {}, ["users"], undefined, 0);
  const [name, setName] = useState("");
  const [adding, setAdding] = useState(false);
  const [removing, setRemoving] = useState<Group | null>(null);
  return (
    <PageSection>
      <PageHead title="Groups" actions={may && <Button onClick={() => setAdding(true)}>Add a group</Button>}>
        What rules name instead of people. Four are built in and give roles.
      </PageHead>
      <DataTable
        label="Groups"
        rows={list.rows}
        rowKey={(g) => g.name}
        error={list.error}
        reload={list.reload}
        paging={list.paging}
        columns={[
          { title: "Name", cell: (g) => <Link to={`groups/${segment(g.name)}`}>{g.name}</Link> },
          { title: "Members", cell: (g) => <span className="console-number">{g.members}</span> },
          { title: "Role", cell: (g) => (g.built_in === true ? <Label isCompact>built in</Label> : "") },
        ]}
        actions={[
          {
            word: "Remove",
            danger: true,
            title: (g) => `Remove the group ${g.name}`,
            when: (g) => may && g.built_in !== true,
            run: setRemoving,
          },
        ]}
        empty={<Empty title="No group yet">Add one for people who need the same consoles.</Empty>}
      />
      {adding && (
        <Dialog
          title="Add a group"
          action="Add group"
          disabled={name.trim() === ""}
          change={async (idempotent) => {
            await call("POST", "groups", { body: { name: name.trim() }, idempotent });
            setName("");
            list.reload();
          }}
          onClose={() => setAdding(false)}
        >
          <Field label="Name" value={name} onChange={setName} required help="Lower case." />
        </Dialog>
      )}
      {removing !== null && (
        <Dialog
          title="Remove this group?"
          action="Remove group"
          danger
          change={async () => {
            await call("DELETE", `groups/${segment(removing.name)}`);
            list.reload();
          }}
          onClose={() => setRemoving(null)}
        >
          <p>
            <strong>{removing.name}</strong> has {removing.members} members. They stay; what rules give the group is theirs no
            more.
          </p>
        </Dialog>
      )}
    </PageSection>
  );
}

export default function Page() {
  const { path } = useRouter();
  const name = path.split("/")[1];
  return name === undefined ? <Groups /> : <Members key={name} name={decode(name)} />;
}
