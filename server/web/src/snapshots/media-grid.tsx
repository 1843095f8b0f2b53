// A list of pictures or clips, newest first, day by day.

import type { ReactNode } from 'react';
import { formatLongDay } from '../i18n/format.ts';
import { useErrorSentence, useLanguage, useText } from '../state/hooks.ts';
import type { IconName } from '../ui/icon.tsx';
import { Button, Empty, Message } from '../ui/primitives.tsx';
import { daysOf } from './days.ts';
import { LoadingThumbs } from './loading-thumbs.tsx';

export interface MediaGridProps<Item> {
  items: Item[];
  /** ISO 8601. */
  timeOf: (item: Item) => string;
  isLoaded: boolean;
  /** Undefined while all is well. */
  failure: unknown;
  /** Undefined when there are no more. */
  readMore: (() => void) | undefined;
  /** In the place of an empty list. */
  empty: { icon: IconName; title: string; text: string };
  testId: string;
  /** The card of one, with its key. */
  children: (item: Item) => ReactNode;
}

export function MediaGrid<Item>(props: MediaGridProps<Item>) {
  const { items, timeOf, isLoaded, failure, readMore, empty, testId, children } = props;
  const t = useText();
  const sentence = useErrorSentence();
  const language = useLanguage();
  return (
    <>
      {failure === undefined ? null : <Message tone="bad">{sentence(failure)}</Message>}
      {!isLoaded && failure === undefined ? <LoadingThumbs /> : null}
      {isLoaded && items.length === 0 ? (
        <Empty icon={empty.icon} title={empty.title}>
          {empty.text}
        </Empty>
      ) : null}
      <div data-testid={testId}>
        {daysOf(items, (item) => formatLongDay(timeOf(item), language)).map(([day, ofDay]) => (
          <section key={day} aria-label={day}>
            <h2 className="day">{day}</h2>
            <div className="thumbs">{ofDay.map(children)}</div>
          </section>
        ))}
      </div>
      {readMore === undefined ? null : (
        <div className="more">
          <Button onClick={readMore}>{t('common.more')}</Button>
        </div>
      )}
    </>
  );
}
