// A table on a card, with a title and something to say when it is empty.

import type { ReactNode } from 'react';

export function TableCard({
  title,
  head,
  note,
  children,
  isEmpty,
  empty,
}: {
  title: string;
  head: string[];
  /** Above the table, where there is something to be careful about. */
  note?: ReactNode;
  children: ReactNode;
  isEmpty: boolean;
  empty: string;
}) {
  return (
    <section className="card">
      <div className="card__head">
        <h2>{title}</h2>
      </div>
      {note}
      {isEmpty ? (
        <p className="card__body muted">{empty}</p>
      ) : (
        <div className="table-scroll">
          <table className="table">
            <thead>
              <tr>
                {head.map((name) => (
                  <th key={name} scope="col">
                    {name}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>{children}</tbody>
          </table>
        </div>
      )}
    </section>
  );
}
