// The buttons at the end of a row, far enough from each other for a finger.
import type { ReactNode } from "react";
import { Flex } from "@patternfly/react-core";

export function RowActions({ children }: { children: ReactNode }) {
  return (
    <Flex columnGap={{ default: "columnGapMd" }} flexWrap={{ default: "nowrap" }} className="console-row-actions">
      {children}
    </Flex>
  );
}
