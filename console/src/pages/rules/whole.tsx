// The whole policy as one document, as export gives it and apply takes it.
import { useState } from "react";
import { Breadcrumb, BreadcrumbItem, PageSection } from "@patternfly/react-core";
import { applying } from "../../api/change";
import type { Candidate } from "../../api/change";
import { Link, useRouter } from "../../app/router";
import { BlockForm, objectOf } from "../../components/block-form";
import { Head } from "../../components/head";
import { Show, useLoaded } from "../../components/loaded";
import { useReview } from "../../components/review";

type Export = Candidate & { version: number };

export function WholeEditor() {
  const { go } = useRouter();
  const stored = useLoaded<Export>("export");
  const [text, setText] = useState<string | null>(null);
  const { review, busy, problem, dialog } = useReview(() => go("rules"));
  const shown = ({ version: _, ...rest }: Export) => JSON.stringify(rest, null, 2);
  return (
    <>
      <PageSection>
        <Breadcrumb>
          <BreadcrumbItem>
            <Link to="rules">Policy</Link>
          </BreadcrumbItem>
          <BreadcrumbItem isActive>Edit everything</BreadcrumbItem>
        </Breadcrumb>
      </PageSection>
      <Head title="Edit everything" lead="All that is kept here, not in the configuration file. What is not in it any more is removed; the order of the rules is the order in which they are tried. All of it is applied, or nothing." />
      <PageSection>
        <Show of={stored}>
          {(value) => (
            <BlockForm
              label="Policy as JSON"
              name="policy"
              value={text ?? shown(value)}
              onChange={setText}
              rows={28}
              problem={problem}
              busy={busy}
              onReview={() => review(() => applying({ ...(objectOf(text ?? shown(value), "The policy") as Candidate), prune: true }, value.version))}
              onCancel={() => go("rules")}
            />
          )}
        </Show>
        {dialog}
      </PageSection>
    </>
  );
}
