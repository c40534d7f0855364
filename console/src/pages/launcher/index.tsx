import { useState } from "react";
import { Alert, Card, CardBody, CardHeader, CardTitle, Gallery, PageSection, SearchInput, Spinner, Title } from "@patternfly/react-core";
import type { MyConsole, Me } from "../../api/types";
import { Empty } from "../../components/empty";
import { HealthLabel } from "../../components/health";
import { ProblemAlert } from "../../components/problem";
import { useResource } from "../../components/use-resource";

// So many that one looks for a name.
const MANY = 8;
// Fewer are soon none.
const FEW_CODES = 3;

function Tile({ console: c }: { console: MyConsole }) {
  return (
    <Card isCompact className="console-tile">
      <CardHeader>
        <CardTitle component="h2">
          <a href={c.url}>{c.title}</a>
        </CardTitle>
      </CardHeader>
      <CardBody>
        <p className="console-small">{new URL(c.url).host}</p>
        <HealthLabel state={c.upstream} />
      </CardBody>
    </Card>
  );
}

function Warnings() {
  const { data } = useResource<Me>("me");
  if (data === null || data.totp !== "set" || data.recovery_left > FEW_CODES) return null;
  return (
    <Alert variant="warning" isInline title={`You have ${data.recovery_left} recovery codes left`}>
      <a href="/account">Make new ones</a> before you need one.
    </Alert>
  );
}

export default function Launcher() {
  const { data, error, reload } = useResource<{ consoles: MyConsole[] }>("me/consoles", undefined, ["policy", "health"]);
  const [words, setWords] = useState("");
  const all = data?.consoles ?? [];
  const wanted = words.trim().toLowerCase();
  const found = all.filter((c) => `${c.title} ${c.name} ${c.url}`.toLowerCase().includes(wanted));
  return (
    <PageSection>
      <Title headingLevel="h1">Your consoles</Title>
      <Warnings />
      {error !== null && <ProblemAlert error={error} again={reload} />}
      {data === null && error === null && <Spinner aria-label="Loading" />}
      {data !== null && all.length === 0 && (
        <Empty title="No console yet">
          No rule admits you to a console yet. Ask whoever runs this gateway; if you run it yourself, add a console and a
          rule for it.
        </Empty>
      )}
      {all.length > MANY && (
        <SearchInput
          className="console-search"
          aria-label="Find a console"
          placeholder="Find a console"
          value={words}
          onChange={(_, value) => setWords(value)}
          onClear={() => setWords("")}
        />
      )}
      {all.length > 0 && found.length === 0 && (
        <Empty title="No console has these words">Try fewer letters of its title, name or address.</Empty>
      )}
      <Gallery hasGutter className="console-tiles">
        {found.map((c) => (
          <Tile key={c.name} console={c} />
        ))}
      </Gallery>
    </PageSection>
  );
}
