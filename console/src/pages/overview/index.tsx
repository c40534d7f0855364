import { useEffect, useState } from "react";
import { PageSection, Title } from "@patternfly/react-core";
import { get } from "../../api/client";

interface Health {
  warnings?: string[];
}

export default function Overview() {
  const [health, setHealth] = useState<Health | null>(null);
  useEffect(() => {
    void get<Health>("health").then(setHealth);
  }, []);
  return (
    <PageSection>
      <Title headingLevel="h1">Overview</Title>
      {health?.warnings?.map((w) => <p key={w}>{w}</p>)}
    </PageSection>
  );
}
