// A list as a table: columns, actions of a row, pages, and what to say when there is nothing. At a
// phone's width each row becomes a card with the columns' names.
import { useId } from "react";
import type { ReactNode } from "react";
import { Button, Spinner } from "@patternfly/react-core";
import { Table, Tbody, Td, Th, Thead, Tr } from "@patternfly/react-table";
import type { ProblemError } from "../api/client";
import { ProblemAlert } from "./problem";

export interface Column<T> {
  title: string;
  cell: (row: T) => ReactNode;
}

export interface Action<T> {
  title: (row: T) => string; // the name for whoever does not see the row around it: "End the session of kim"
  word: string; // on the button
  run: (row: T) => void;
  danger?: boolean;
  when?: (row: T) => boolean;
}

interface Props<T> {
  label: string;
  columns: Column<T>[];
  rows: T[] | null;
  rowKey: (row: T) => string;
  actions?: Action<T>[];
  empty: ReactNode;
  error?: ProblemError | null;
  reload?: () => void;
  paging?: ReactNode;
}

export function DataTable<T>({ label, columns, rows, rowKey, actions = [], empty, error = null, reload, paging }: Props<T>) {
  const id = useId();
  if (error !== null) return <ProblemAlert error={error} again={reload} />;
  if (rows === null) return <Spinner size="lg" aria-label={`Loading: ${label}`} />;
  if (rows.length === 0)
    return (
      <>
        {empty}
        {paging}
      </>
    );
  return (
    <>
      <Table aria-label={label} variant="compact" gridBreakPoint="grid-md">
        <Thead>
          <Tr>
            {columns.map((c) => (
              <Th key={c.title}>{c.title}</Th>
            ))}
            {actions.length > 0 && <Th screenReaderText="Actions" />}
          </Tr>
        </Thead>
        <Tbody>
          {rows.map((row) => (
            <Tr key={rowKey(row)}>
              {columns.map((c) => (
                <Td key={c.title} dataLabel={c.title} modifier="breakWord">
                  {c.cell(row)}
                </Td>
              ))}
              {actions.length > 0 && (
                <Td className="console-actions">
                  {actions
                    .filter((a) => a.when?.(row) ?? true)
                    .map((a) => (
                      <Button
                        key={a.word}
                        id={`${id}-${a.word}-${rowKey(row)}`}
                        size="sm"
                        variant={a.danger === true ? "danger" : "secondary"}
                        className="console-action"
                        aria-label={a.title(row)}
                        onClick={() => a.run(row)}
                      >
                        {a.word}
                      </Button>
                    ))}
                </Td>
              )}
            </Tr>
          ))}
        </Tbody>
      </Table>
      {paging}
    </>
  );
}
