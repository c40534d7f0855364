// The head of a page: its name, what it is for, and what can be begun there.
import "./policy.css";
import type { ReactNode } from "react";
import { Content, Flex, FlexItem, PageSection, Title } from "@patternfly/react-core";

export function Head({ title, lead, actions }: { title: string; lead?: ReactNode; actions?: ReactNode }) {
  return (
    <PageSection>
      <Flex justifyContent={{ default: "justifyContentSpaceBetween" }} alignItems={{ default: "alignItemsFlexStart" }}>
        <FlexItem>
          <Title headingLevel="h1">{title}</Title>
        </FlexItem>
        {actions !== undefined && (
          <FlexItem>
            <Flex>{actions}</Flex>
          </FlexItem>
        )}
      </Flex>
      {lead !== undefined && (
        <Content component="p" className="console-lead">
          {lead}
        </Content>
      )}
    </PageSection>
  );
}
