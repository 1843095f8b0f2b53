// Wheel, drag, pinch and keys on the timeline, as changes of the view. Owns the listeners on the element.

import { useEffect, useRef, type KeyboardEvent, type PointerEvent, type RefObject } from 'react';
import { lengthOf, pan, PAN_STEP, zoom, ZOOM_STEP, type View } from './view.ts';

export interface GesturesOptions {
  view: View;
  onView: (change: (view: View) => View) => void;
  cursorMs: number | undefined;
  onCursor: (atMs: number | undefined) => void;
}

/** A pointer that moved less than this is a click. */
const DRAG_PX = 4;
/** A notch of a usual wheel zooms by a fifth. */
const WHEEL_RATE = 0.0018;
/** Steps of the cursor across the view. */
const CURSOR_STEPS = 100;

interface Hand {
  /** By pointer, its x. */
  pointers: Map<number, number>;
  startX: number;
  isDragging: boolean;
}

export interface Gestures {
  plot: RefObject<HTMLDivElement | null>;
  onKeyDown: (event: KeyboardEvent) => void;
  onPointerDown: (event: PointerEvent) => void;
  onPointerMove: (event: PointerEvent) => void;
  onPointerUp: (event: PointerEvent) => void;
  onPointerLeave: () => void;
}

export function useGestures({ view, onView, cursorMs, onCursor }: GesturesOptions): Gestures {
  const plot = useRef<HTMLDivElement>(null);
  const hand = useRef<Hand>({ pointers: new Map(), startX: 0, isDragging: false });

  const boxOf = (): { left: number; width: number } => {
    const { left = 0, width = 1 } = plot.current?.getBoundingClientRect() ?? {};
    return { left, width: Math.max(1, width) };
  };
  const timeAt = (clientX: number): number => {
    const { left, width } = boxOf();
    return view.fromMs + ((clientX - left) / width) * lengthOf(view);
  };

  useEffect(() => {
    const element = plot.current;
    if (element === null) return;
    const turn = (event: WheelEvent): void => {
      event.preventDefault();
      const { left, width } = element.getBoundingClientRect();
      const isSideways = event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY);
      const turned = (event.deltaX || event.deltaY) * (event.deltaMode === 1 ? 16 : 1);
      onView((before) => {
        if (isSideways) return pan(before, turned / width, Date.now());
        const around = before.fromMs + ((event.clientX - left) / width) * lengthOf(before);
        const rate = event.ctrlKey ? 4 * WHEEL_RATE : WHEEL_RATE;
        return zoom(before, Math.exp(-turned * rate), around, Date.now());
      });
    };
    // React listens to wheels passively, which cannot keep the page from scrolling.
    element.addEventListener('wheel', turn, { passive: false });
    return () => element.removeEventListener('wheel', turn);
  }, [onView]);

  const onPointerMove = (event: PointerEvent): void => {
    const { pointers } = hand.current;
    const before = pointers.get(event.pointerId);
    if (before === undefined || event.pointerType === 'mouse') onCursor(timeAt(event.clientX));
    if (before === undefined) return;
    const { width } = boxOf();
    const other = [...pointers].find(([id]) => id !== event.pointerId)?.[1];
    pointers.set(event.pointerId, event.clientX);
    if (other !== undefined)
      return pinch(Math.abs(before - other), Math.abs(event.clientX - other), (event.clientX + other) / 2);
    if (!hand.current.isDragging && Math.abs(event.clientX - hand.current.startX) < DRAG_PX) return;
    if (!hand.current.isDragging) plot.current?.setPointerCapture(event.pointerId);
    hand.current.isDragging = true;
    onView((current) => pan(current, (before - event.clientX) / width, Date.now()));
  };

  const pinch = (beforePx: number, nowPx: number, middleX: number): void => {
    const around = timeAt(middleX);
    hand.current.isDragging = true;
    onView((current) => zoom(current, Math.max(8, nowPx) / Math.max(8, beforePx), around, Date.now()));
  };

  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const change = changeOf(event, view, cursorMs);
    if (change === undefined) return;
    event.preventDefault();
    if ('cursorMs' in change) onCursor(change.cursorMs);
    else onView(change.view);
  };

  return {
    plot,
    onKeyDown,
    onPointerMove,
    onPointerDown: ({ pointerId, clientX, button }) => {
      if (button !== 0) return;
      hand.current.pointers.set(pointerId, clientX);
      hand.current.startX = clientX;
      hand.current.isDragging = false;
      onCursor(timeAt(clientX));
    },
    onPointerUp: ({ pointerId }) => void hand.current.pointers.delete(pointerId),
    onPointerLeave: () => {
      if (hand.current.pointers.size === 0 && document.activeElement !== plot.current) onCursor(undefined);
    },
  };
}

type Change = { view: (view: View) => View } | { cursorMs: number };

/** Arrows move, plus and minus zoom around the cursor, with Shift the arrows move the cursor. */
function changeOf(
  { key, shiftKey }: KeyboardEvent,
  view: View,
  cursorMs: number | undefined,
): Change | undefined {
  const middleMs = (view.fromMs + view.toMs) / 2;
  const around = cursorMs ?? middleMs;
  const side = key === 'ArrowLeft' ? -1 : key === 'ArrowRight' ? 1 : 0;
  if (side !== 0 && shiftKey) {
    const atMs = around + (side * lengthOf(view)) / CURSOR_STEPS;
    return { cursorMs: Math.min(view.toMs, Math.max(view.fromMs, atMs)) };
  }
  if (side !== 0) return { view: (before) => pan(before, side * PAN_STEP, Date.now()) };
  if (key === '+' || key === '=') return { view: (before) => zoom(before, ZOOM_STEP, around, Date.now()) };
  if (key === '-' || key === '_')
    return { view: (before) => zoom(before, 1 / ZOOM_STEP, around, Date.now()) };
  return undefined;
}
