import type { ReactNode } from "react";
import { Title } from "@patternfly/react-core";

// The first lines within a page's section: what it is, what it is for, and what can be done on it.
export function PageHead({ title, children, actions }: { title: string; children?: ReactNode; actions?: ReactNode }) {
  return (
    <>
      <div className="console-head">
        <Title headingLevel="h1" className="console-title">
          {title}
        </Title>
        {actions !== undefined && <div className="console-buttons">{actions}</div>}
      </div>
      {children !== undefined && <p>{children}</p>}
    </>
  );
}
