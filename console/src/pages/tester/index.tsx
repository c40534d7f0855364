// Asks the gateway what it would decide, without anything happening.
import { useState } from "react";
import { ActionGroup, Button, Form, Grid, GridItem, PageSection } from "@patternfly/react-core";
import { call } from "../../api/client";
import { ASSURANCES } from "../../api/policy";
import type { Explained, Route } from "../../api/policy";
import { useRouter } from "../../app/router";
import { ChoiceEntry, TextEntry } from "../../components/entry";
import { Head } from "../../components/head";
import { useChange, useEverything } from "../../components/loaded";
import { Trouble } from "../../components/trouble";
import { VerdictView } from "../../components/verdict";

const KINDS = [
  ["user", "a person"],
  ["token", "a token or certificate"],
  ["nobody", "nobody logged in"],
] as const;

export default function Tester() {
  const { query, go } = useRouter();
  const routes = useEverything<Route>("routes", "routes", ["policy"]);
  const [form, setForm] = useState<Record<string, string>>({
    kind: "user",
    method: "GET",
    path: "/",
    assurance: "mfa",
    source: "127.0.0.1",
    ...Object.fromEntries(query),
  });
  const [answer, setAnswer] = useState<Explained | null>(null);
  const { busy, problem, run } = useChange();
  const at = (name: string) => form[name] ?? "";
  const entry = (label: string, name: string, help?: string, required = false) => (
    <TextEntry label={label} name={name} value={at(name)} onChange={(v) => setForm({ ...form, [name]: v })} help={help} problem={problem} required={required} />
  );
  const route = at("route") === "" ? (routes.value?.[0]?.name ?? "") : at("route");
  const ask = () =>
    run(async () => {
      setAnswer(null);
      const said: Record<string, string> = { source: at("source"), method: at("method"), route };
      if (at("url") !== "") {
        said.url = at("url");
        delete said.route;
      } else said.path = at("path");
      if (at("kind") === "user") {
        said.user = at("who");
        said.assurance = at("assurance");
        if (at("proven") !== "") said.proven = at("proven");
      } else if (at("kind") === "token") said.token = at("who");
      if (at("interface") !== "") said.interface = at("interface");
      go(`tester?${new URLSearchParams(Object.entries(form).filter(([, v]) => v !== "")).toString()}`, true);
      setAnswer((await call<Explained>("POST", "explain", { body: said })).body);
    });
  return (
    <>
      <Head title="Tester" lead="What would be decided about a request, by which rule, and why the other rules did not admit it. Nothing is done." />
      <PageSection>
        <Grid hasGutter>
          <GridItem lg={5}>
            <Form
              onSubmit={(e) => {
                e.preventDefault();
                ask();
              }}
            >
              <ChoiceEntry label="Who asks" name="kind" value={at("kind")} onChange={(v) => setForm({ ...form, kind: v })} options={KINDS} />
              {at("kind") !== "nobody" && (
                <TextEntry label={at("kind") === "user" ? "Person" : "Token"} name={at("kind")} value={at("who")} onChange={(v) => setForm({ ...form, who: v })} problem={problem} required />
              )}
              {at("kind") === "user" && (
                <>
                  <ChoiceEntry label="Known by" name="assurance" value={at("assurance")} onChange={(v) => setForm({ ...form, assurance: v })} options={ASSURANCES.map((a) => [a, a] as const)} problem={problem} />
                  {entry("Proven so long ago", "proven", "Such as 20m; empty: just now.")}
                </>
              )}
              {entry("From address", "source", undefined, true)}
              {entry("By interface", "interface", "Such as wg0; only zones with an interface look at it.")}
              <ChoiceEntry label="Console" name="route" value={route} onChange={(v) => setForm({ ...form, route: v })} options={(routes.value ?? []).map((r) => [r.name, r.title ?? r.name] as const)} problem={problem} />
              {entry("Method", "method")}
              {entry("Path", "path")}
              {entry("Or a whole address", "url", "https://host:port/path, in place of console and path.")}
              <Trouble problem={problem} />
              <ActionGroup>
                <Button type="submit" isLoading={busy} isDisabled={busy}>
                  Test
                </Button>
              </ActionGroup>
            </Form>
          </GridItem>
          <GridItem lg={7}>{answer !== null && <VerdictView of={answer} />}</GridItem>
        </Grid>
      </PageSection>
    </>
  );
}
