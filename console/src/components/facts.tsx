import type { ReactNode } from "react";
import {
  DescriptionList,
  DescriptionListDescription,
  DescriptionListGroup,
  DescriptionListTerm,
} from "@patternfly/react-core";

export type Fact = readonly [term: string, value: ReactNode];

export function Facts({ facts }: { facts: Fact[] }) {
  return (
    <DescriptionList isCompact isHorizontal isFluid className="console-facts">
      {facts.map(([term, value]) => (
        <DescriptionListGroup key={term}>
          <DescriptionListTerm>{term}</DescriptionListTerm>
          <DescriptionListDescription>{value}</DescriptionListDescription>
        </DescriptionListGroup>
      ))}
    </DescriptionList>
  );
}
