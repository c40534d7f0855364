import { Label } from "@patternfly/react-core";
import type { Token } from "../../api/types";
import type { Column } from "../../components/data-table";
import { PersonLink } from "../../components/person-link";
import { Tags } from "../../components/tags";
import { Time } from "../../components/time";

const SOON_MS = 7 * 86400 * 1000;

function State({ token: t }: { token: Token }) {
  if (t.owner_disabled) return <Label status="danger">owner is disabled</Label>;
  if (t.expires !== null && Date.parse(t.expires) < Date.now()) return <Label status="danger">expired</Label>;
  if (t.strayed !== null) return <Label status="warning">refused at {t.stray_source ?? "another place"}</Label>;
  if (t.expires !== null && Date.parse(t.expires) - Date.now() < SOON_MS) return <Label status="warning">expires soon</Label>;
  return <Label status="success">good</Label>;
}

export function tokenColumns(owners: boolean): Column<Token>[] {
  const owner: Column<Token>[] = [
    { title: "Owner", cell: (t) => <PersonLink name={t.owner} /> },
  ];
  return [
    { title: "Name", cell: (t) => t.name },
    ...(owners ? owner : []),
    { title: "State", cell: (t) => <State token={t} /> },
    { title: "Reaches", cell: (t) => <Tags names={t.routes} /> },
    {
      title: "Limited to",
      cell: (t) => <Tags names={[...t.methods, ...t.paths, ...t.zones.map((z) => `zone ${z}`)]} none="nothing" />,
    },
    { title: "Last used", cell: (t) => <Time at={t.last_used} /> },
    { title: "Expires", cell: (t) => <Time at={t.expires} /> },
  ];
}
