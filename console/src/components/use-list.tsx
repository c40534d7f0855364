// A list of the API, page by page: `next` of an answer is `after` of the following question.
import { useEffect, useMemo, useState } from "react";
import type { ReactNode } from "react";
import { Button } from "@patternfly/react-core";
import type { Ask, ProblemError } from "../api/client";
import type { Topic } from "../api/events";
import { useResource } from "./use-resource";

export interface List<T> {
  rows: T[] | null;
  error: ProblemError | null;
  loading: boolean;
  reload: () => void;
  paging: ReactNode;
}

interface Names {
  first: string;
  back: string;
  on: string;
}

const FORWARD: Names = { first: "First page", back: "Back", on: "Next" };
export const NEWEST: Names = { first: "Newest", back: "Newer", on: "Older" };

export function useList<T>(
  path: string,
  member: string,
  query: Ask["query"] = {},
  topics: readonly Topic[] = [],
  names: Names = FORWARD,
  limit = 50, // 0: the list has pages of its own size
): List<T> {
  const key = JSON.stringify(query);
  const [cursors, setCursors] = useState<string[]>([]);
  useEffect(() => setCursors([]), [path, key]);
  const after = cursors[cursors.length - 1];
  const asked = useMemo(() => ({ ...query, limit: limit === 0 ? undefined : limit, after }), [key, limit, after]);
  // Further pages stay as they are while somebody reads them.
  const { data, error, loading, reload } = useResource<Record<string, unknown>>(path, asked, after === undefined ? topics : []);
  const rows = data === null ? null : ((data[member] as T[] | undefined) ?? []);
  const next = data?.next;
  const on = typeof next === "string" || typeof next === "number" ? String(next) : null;
  const paging =
    cursors.length === 0 && on === null ? null : (
      <nav className="console-paging" aria-label="Pages">
        <Button variant="secondary" isDisabled={cursors.length === 0} onClick={() => setCursors([])}>
          {names.first}
        </Button>
        <Button variant="secondary" isDisabled={cursors.length === 0} onClick={() => setCursors(cursors.slice(0, -1))}>
          {names.back}
        </Button>
        <Button variant="secondary" isDisabled={on === null} onClick={() => on !== null && setCursors([...cursors, on])}>
          {names.on}
        </Button>
      </nav>
    );
  return { rows, error, loading, reload, paging };
}
