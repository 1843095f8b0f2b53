// A table of records, the last column of which holds what can be done with each. On a phone it is a list.

import type { ReactNode } from 'react';
import { useText } from '../state/hooks.ts';

export interface RecordTableProps {
  /** But for the last one. */
  columns: readonly string[];
  testId: string;
  /** One `<tr>` each. */
  children: ReactNode;
}

export function RecordTable({ columns, testId, children }: RecordTableProps) {
  const t = useText();
  return (
    <div className="table-scroll">
      <table className="table table--stack" data-testid={testId}>
        <thead>
          <tr>
            {columns.map((column) => (
              <th key={column} scope="col">
                {column}
              </th>
            ))}
            <th scope="col">
              <span className="visually-hidden">{t('common.actions')}</span>
            </th>
          </tr>
        </thead>
        <tbody>{children}</tbody>
      </table>
    </div>
  );
}

export function RecordActions({ children }: { children: ReactNode }) {
  return (
    <td className="table__actions">
      <span className="row-actions">{children}</span>
    </td>
  );
}
