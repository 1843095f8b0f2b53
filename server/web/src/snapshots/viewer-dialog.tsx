// One picture or clip of a list in full. Left and right go to the newer and the older one.

import type { KeyboardEvent, ReactNode } from 'react';
import { useCameraName, useSiteName, useText } from '../state/hooks.ts';
import { Dialog } from '../ui/dialog.tsx';
import { Button } from '../ui/primitives.tsx';

export interface ViewedItem {
  id: string;
  site: string;
  camera: string;
}

export interface ViewerDialogProps<Item extends ViewedItem> {
  /** Newest first. */
  items: Item[];
  openId: string;
  onOpen: (id: string) => void;
  onClose: () => void;
  testId: string;
  stageOf: (item: Item) => ReactNode;
  footOf: (item: Item) => ReactNode;
}

export function ViewerDialog<Item extends ViewedItem>(props: ViewerDialogProps<Item>) {
  const { items, openId, onOpen, onClose, testId, stageOf, footOf } = props;
  const index = items.findIndex(({ id }) => id === openId);
  const item = items[index];
  if (item === undefined) return null;
  const newer = items[index - 1];
  const older = items[index + 1];

  const turn = (event: KeyboardEvent): void => {
    // In a clip that has the focus they wind it.
    if (event.target instanceof HTMLVideoElement) return;
    const target = event.key === 'ArrowLeft' ? newer : event.key === 'ArrowRight' ? older : undefined;
    if (target === undefined) return;
    event.preventDefault();
    onOpen(target.id);
  };

  return (
    <Dialog
      title={<ViewerTitle item={item} />}
      className="viewer"
      testId={testId}
      onClose={onClose}
      onKeyDown={turn}
    >
      <div className="viewer__stage">
        {stageOf(item)}
        <ViewerTurns newer={newer} older={older} onOpen={onOpen} />
      </div>
      {footOf(item)}
    </Dialog>
  );
}

function ViewerTitle({ item: { site, camera } }: { item: ViewedItem }) {
  return (
    <>
      {useCameraName(site, camera)} <span className="muted">{useSiteName(site)}</span>
    </>
  );
}

interface ViewerTurnsProps {
  newer: ViewedItem | undefined;
  older: ViewedItem | undefined;
  onOpen: (id: string) => void;
}

function ViewerTurns({ newer, older, onOpen }: ViewerTurnsProps) {
  const t = useText();
  return (
    <div className="viewer__turn">
      <Button
        icon="back"
        iconOnlyLabel={t('snapshots.newer')}
        disabled={newer === undefined}
        onClick={() => newer !== undefined && onOpen(newer.id)}
      />
      <Button
        icon="next"
        iconOnlyLabel={t('snapshots.older')}
        disabled={older === undefined}
        onClick={() => older !== undefined && onOpen(older.id)}
      />
    </div>
  );
}
