import { useEffect } from "react";
import { PageSection, Title } from "@patternfly/react-core";
import { PROVEN_CHANNEL } from "../../components/act";

// Where a proof ends that another tab of the console had asked for: that tab hears of it and goes on.
export default function Proven() {
  useEffect(() => {
    const channel = new BroadcastChannel(PROVEN_CHANNEL);
    channel.postMessage("proven");
    channel.close();
  }, []);
  return (
    <PageSection>
      <Title headingLevel="h1">Proven</Title>
      <p>The tab that you came from has gone on. This one can be closed.</p>
    </PageSection>
  );
}
