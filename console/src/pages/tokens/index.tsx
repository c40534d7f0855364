import { useState } from "react";
import { Button, PageSection } from "@patternfly/react-core";
import { call } from "../../api/client";
import type { Token } from "../../api/types";
import { segment, useQuery } from "../../app/router";
import { useMay } from "../../app/session";
import { Copy } from "../../components/copy";
import { DataTable } from "../../components/data-table";
import { Dialog, SecretDialog } from "../../components/dialog";
import { Empty } from "../../components/empty";
import { Field, words } from "../../components/field";
import { Filter } from "../../components/filter";
import { PageHead } from "../../components/page-head";
import { useList } from "../../components/use-list";
import { tokenColumns } from "./columns";

interface Made {
  name: string;
  text: string;
}

function AddToken({ onClose, onMade }: { onClose: () => void; onMade: (made: Made) => void }) {
  const [name, setName] = useState("");
  const [owner, setOwner] = useState("");
  const [routes, setRoutes] = useState("");
  const [methods, setMethods] = useState("");
  const [paths, setPaths] = useState("");
  const [zones, setZones] = useState("");
  const [expires, setExpires] = useState("90d");
  return (
    <Dialog
      title="Make a token"
      action="Make token"
      disabled={name.trim() === "" || owner.trim() === "" || words(routes).length === 0}
      change={async (idempotent) => {
        const body: Record<string, unknown> = {
          name: name.trim(),
          owner: owner.trim(),
          routes: words(routes),
          expires: expires.trim(),
        };
        for (const [key, text] of [["methods", methods], ["paths", paths], ["zones", zones]] as const)
          if (words(text).length > 0) body[key] = words(text);
        const { body: made } = await call<{ token: string }>("POST", "tokens", { body, idempotent });
        onMade({ name: name.trim(), text: made.token });
      }}
      onClose={onClose}
    >
      <Field label="Name" value={name} onChange={setName} required help="Rules name it." />
      <Field label="Owner" value={owner} onChange={setOwner} required help="The user it acts for." />
      <Field
        label="Routes"
        value={routes}
        onChange={setRoutes}
        required
        help="Consoles that it may reach; portal is the API of postern."
      />
      <Field label="Methods" value={methods} onChange={setMethods} help="Only these, such as GET HEAD; empty for all." />
      <Field label="Paths" value={paths} onChange={setPaths} help="Only these, such as /a/b or /a/**; empty for all." />
      <Field label="Zones" value={zones} onChange={setZones} help="Only from these; empty for all." />
      <Field label="Expires" value={expires} onChange={setExpires} required help="30d, 12h, or never." />
    </Dialog>
  );
}

export default function Tokens() {
  const may = useMay("administrator");
  const revokes = useMay("administrator", "operator");
  const [owner, setOwner] = useQuery("owner");
  const list = useList<Token>("tokens", "tokens", { owner }, ["tokens"]);
  const [adding, setAdding] = useState(false);
  const [made, setMade] = useState<Made | null>(null);
  const [revoking, setRevoking] = useState<Token | null>(null);
  const [rotating, setRotating] = useState<Token | null>(null);
  const [overlap, setOverlap] = useState("24h");
  return (
    <PageSection>
      <PageHead title="Tokens" actions={may && <Button onClick={() => setAdding(true)}>Make a token</Button>}>
        What programs prove themselves with. Each belongs to somebody, reaches what it names, and no more than its owner.
      </PageHead>
      <Filter fields={[{ label: "Owner", value: owner, onChange: setOwner }]} />
      <DataTable
        label="Tokens"
        rows={list.rows}
        rowKey={(t) => t.id}
        columns={tokenColumns(true)}
        error={list.error}
        reload={list.reload}
        paging={list.paging}
        actions={[
          { word: "Rotate", title: (t) => `Rotate the token ${t.name}`, when: () => may, run: setRotating },
          { word: "Revoke", danger: true, title: (t) => `Revoke the token ${t.name}`, when: () => revokes, run: setRevoking },
        ]}
        empty={
          <Empty title={owner === "" ? "No token yet" : "No token of this owner"}>
            Programs that call consoles or this API need one. Make one for a person or, better, for a service account.
          </Empty>
        }
      />
      {adding && (
        <AddToken
          onClose={() => setAdding(false)}
          onMade={(m) => {
            setMade(m);
            list.reload();
          }}
        />
      )}
      {revoking !== null && (
        <Dialog
          title="Revoke this token?"
          action="Revoke token"
          danger
          change={async () => {
            await call("DELETE", `tokens/${segment(revoking.name)}`);
            list.reload();
          }}
          onClose={() => setRevoking(null)}
        >
          <p>
            <strong>{revoking.name}</strong> of {revoking.owner} opens nothing any more, and what is open by it ends. This
            cannot be undone.
          </p>
        </Dialog>
      )}
      {rotating !== null && (
        <Dialog
          title="Give this token a new text?"
          action="Rotate token"
          change={async () => {
            const { body } = await call<{ token: string }>("POST", `tokens/${segment(rotating.name)}/rotate`, {
              body: { overlap: overlap.trim() },
            });
            setMade({ name: rotating.name, text: body.token });
            list.reload();
          }}
          onClose={() => setRotating(null)}
        >
          <p>
            The present text of <strong>{rotating.name}</strong> stays good for a while, so that programs can be changed.
          </p>
          <Field label="Both are good for" value={overlap} onChange={setOverlap} required help="24h, at most 90d; 0 for not at all." />
        </Dialog>
      )}
      {made !== null && (
        <SecretDialog title="The token's text" onClose={() => setMade(null)}>
          <p>
            The text of <strong>{made.name}</strong> is not shown again. Keep it where only the program reads it.
          </p>
          <Copy label="Token" text={made.text} />
        </SecretDialog>
      )}
    </PageSection>
  );
}
