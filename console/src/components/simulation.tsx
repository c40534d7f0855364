// What a change would have decided about the requests that really came.
import { useEffect, useState } from "react";
import { Alert, Button, Flex, FlexItem, Progress } from "@patternfly/react-core";
import { Table, Tbody, Td, Th, Thead, Tr } from "@patternfly/react-table";
import { call } from "../api/client";
import type { Candidate } from "../api/change";
import type { Simulated, Simulation } from "../api/simulation";
import { ChoiceEntry } from "./entry";
import { useChange } from "./loaded";
import { Trouble } from "./trouble";

const DAYS = [
  ["1", "the last day"],
  ["7", "the last 7 days"],
  ["30", "the last 30 days"],
] as const;

function people(count: number): string {
  return count === 1 ? "1 person" : `${count} people`;
}

export function sentence(result: Simulated): string {
  const refused = result.people.filter((p) => p.would === "deny" && p.was === "allow" && p.user !== "");
  if (refused.length > 0) return `It would have denied ${people(refused.length)}${refused.some((p) => p.you) ? ", you among them" : ""}`;
  if (result.denied + result.allowed + result.prove === 0) return `It would have decided all ${result.requests} requests as the policy of now does`;
  return "It would have denied nobody who was let in";
}

function Result({ of }: { of: Simulated }) {
  const you = of.people.some((p) => p.you && p.would === "deny");
  return (
    <div role="status">
      <Alert isInline variant={you ? "danger" : of.denied > 0 ? "warning" : "info"} title={sentence(of)}>
        {of.requests} requests: {of.same} decided as now, {of.denied} denied instead, {of.allowed} allowed instead, {of.prove} asked for more proof.
      </Alert>
      {of.people.length > 0 && (
        <Table aria-label="People it would have concerned" variant="compact">
          <Thead>
            <Tr>
              <Th modifier="wrap">Who</Th>
              <Th modifier="wrap">Requests</Th>
              <Th modifier="wrap">Was</Th>
              <Th modifier="wrap">Would be</Th>
              <Th modifier="wrap">For example</Th>
            </Tr>
          </Thead>
          <Tbody>
            {of.people.slice(0, 100).map((p, i) => (
              <Tr key={i}>
                <Td dataLabel="Who">
                  {p.program && "program "}
                  {p.user === "" ? "nobody logged in" : p.user}
                  {p.you && " (you)"}
                </Td>
                <Td dataLabel="Requests">{p.requests}</Td>
                <Td dataLabel="Was">{p.was}</Td>
                <Td dataLabel="Would be">{p.would}</Td>
                <Td dataLabel="For example" className="console-break">
                  {p.example === undefined ? "" : `${p.example.method} ${p.example.host}${p.example.path}`}
                </Td>
              </Tr>
            ))}
          </Tbody>
        </Table>
      )}
      {of.more_people > 0 && <p>And {of.more_people} more.</p>}
      {of.old > 0 && <p className="console-quiet">{of.old} records are too old to be asked again.</p>}
    </div>
  );
}

export function SimulationView({ candidate }: { candidate: () => Promise<Candidate> }) {
  const [days, setDays] = useState("7");
  const [at, setAt] = useState<Simulation | null>(null);
  const { busy, problem, run } = useChange();
  const watch = useChange();
  const follow = watch.run;
  const id = at?.id;
  const running = at?.state === "running" || at?.state === "waiting";
  useEffect(() => {
    if (id === undefined || !running) return undefined;
    const timer = window.setInterval(
      () =>
        follow(async () => {
          setAt((await call<Simulation>("GET", `simulations/${id}`)).body);
        }),
      700,
    );
    return () => window.clearInterval(timer);
  }, [id, running, follow]);
  const start = () =>
    run(async () => {
      const { zones, routes, rules, prune } = await candidate();
      const { body } = await call<Simulation>("POST", "simulations", { body: { zones, routes, rules, prune, days: Number(days) } });
      setAt({ ...body, state: body.state ?? "running", done: body.done ?? 0, total: body.total ?? 0 });
    });
  const cancel = () =>
    run(async () => {
      await call("DELETE", `simulations/${id ?? ""}`);
      setAt(null);
    });
  return (
    <section aria-label="Simulation" className="console-answer">
      <Flex alignItems={{ default: "alignItemsFlexEnd" }}>
        <FlexItem>
          <ChoiceEntry label="Try it on the requests of" name="days" value={days} onChange={setDays} options={DAYS} problem={problem} />
        </FlexItem>
        <FlexItem>
          {running ? (
            <Button variant="secondary" onClick={cancel}>
              Cancel
            </Button>
          ) : (
            <Button variant="secondary" isDisabled={busy} onClick={start}>
              Simulate
            </Button>
          )}
        </FlexItem>
      </Flex>
      {running && at !== null && <Progress value={at.total === 0 ? 0 : Math.round((100 * at.done) / at.total)} title={`${at.done} of ${at.total} requests`} size="sm" />}
      {at?.state === "failed" && <Alert isInline variant="danger" title="The simulation failed" />}
      {at?.state === "done" && at.result != null && <Result of={at.result} />}
      <Trouble problem={problem ?? watch.problem} />
    </section>
  );
}
