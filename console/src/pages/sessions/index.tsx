import { useState } from "react";
import { PageSection } from "@patternfly/react-core";
import { call } from "../../api/client";
import type { Session } from "../../api/types";
import { segment, useQuery } from "../../app/router";
import { useMay, useSession } from "../../app/session";
import { DataTable } from "../../components/data-table";
import type { Action } from "../../components/data-table";
import { Dialog } from "../../components/dialog";
import { Empty } from "../../components/empty";
import { Filter } from "../../components/filter";
import { PageHead } from "../../components/page-head";
import { useList } from "../../components/use-list";
import { sessionColumns } from "./columns";

export default function Sessions() {
  const me = useSession();
  const may = useMay("administrator", "operator");
  const [user, setUser] = useQuery("user");
  const list = useList<Session>("sessions", "sessions", { user }, ["sessions"]);
  const [ending, setEnding] = useState<Session | null>(null);
  const [everything, setEverything] = useState<string | null>(null);
  const actions: Action<Session>[] = [
    {
      word: "End",
      danger: true,
      title: (s) => `End the session of ${s.user} at ${s.parent === null ? "the portal" : s.host}`,
      when: (s) => may || s.user === me.user,
      run: setEnding,
    },
    {
      word: "End all",
      title: (s) => `End all sessions of ${s.user}`,
      when: (s) => may && s.parent === null,
      run: (s) => setEverything(s.user),
    },
  ];
  return (
    <PageSection>
      <PageHead title="Live sessions">Who is on now, and by which console. Ending one closes its connections at once.</PageHead>
      <Filter fields={[{ label: "Person", value: user, onChange: setUser }]} />
      <DataTable
        label="Live sessions"
        columns={sessionColumns(true)}
        rows={list.rows}
        rowKey={(s) => s.id}
        actions={actions}
        error={list.error}
        reload={list.reload}
        paging={list.paging}
        empty={
          <Empty title={user === "" ? "Nobody is on" : "This person is not on"}>
            {user === "" ? "Sessions stand here as soon as somebody logs in." : "Look at the audit trail for what this person did."}
          </Empty>
        }
      />
      {ending !== null && (
        <Dialog
          title="End this session?"
          action="End session"
          danger
          change={async () => {
            await call("DELETE", `sessions/${segment(ending.id)}`);
            list.reload();
          }}
          onClose={() => setEnding(null)}
        >
          <p>
            <strong>{ending.user}</strong>, {ending.parent === null ? "at the portal, with every console under it" : `at ${ending.host}`}
            , from {ending.source}. Open downloads and terminals end with it. The person can log in again.
          </p>
        </Dialog>
      )}
      {everything !== null && (
        <Dialog
          title="End all sessions of this person?"
          action="End all sessions"
          danger
          change={async () => {
            await call("DELETE", `users/${segment(everything)}/sessions`);
            list.reload();
          }}
          onClose={() => setEverything(null)}
        >
          <p>
            Every session of <strong>{everything}</strong> ends at once. To keep the person out, disable the user as well.
          </p>
        </Dialog>
      )}
    </PageSection>
  );
}
