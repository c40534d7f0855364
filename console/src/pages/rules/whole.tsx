// The whole policy as one document, as export gives it and apply takes it.
import { useState } from "react";
import { ActionGroup, Breadcrumb, BreadcrumbItem, Button, Form, PageSection } from "@patternfly/react-core";
import { applying } from "../../api/change";
import type { Candidate } from "../../api/change";
import { Link, useRouter } from "../../app/router";
import { BlockEntry } from "../../components/entry";
import { Head } from "../../components/head";
import { Show, useLoaded } from "../../components/loaded";
import { useReview } from "../../components/review";
import { Trouble } from "../../components/trouble";

type Export = Candidate & { version: number };

function parse(text: string): Candidate {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (e) {
    throw new Error(`This is no JSON: ${e instanceof Error ? e.message : String(e)}`);
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw new Error("The policy is an object, { … }.");
  return value as Candidate;
}

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
            <Form
              onSubmit={(e) => {
                e.preventDefault();
                review(() => applying({ ...parse(text ?? shown(value)), prune: true }, value.version));
              }}
            >
              <BlockEntry label="Policy as JSON" name="policy" value={text ?? shown(value)} onChange={setText} rows={28} />
              <Trouble problem={problem} />
              <ActionGroup>
                <Button type="submit" isLoading={busy} isDisabled={busy}>
                  Review
                </Button>
                <Button variant="link" onClick={() => go("rules")}>
                  Cancel
                </Button>
              </ActionGroup>
            </Form>
          )}
        </Show>
        {dialog}
      </PageSection>
    </>
  );
}
