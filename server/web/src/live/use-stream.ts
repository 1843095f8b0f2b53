// React's side of the player: streams while the element is on screen and the tab is in front.

import { useEffect, useRef, useState } from 'react';
import { useFleet } from '../state/hooks.ts';
import { createStore, useStore } from '../state/store.ts';
import { StreamPlayer } from './stream-player.ts';
import { IDLE_STREAM, type StreamState } from './stream-state.ts';

/** A tile that leaves the screen for a moment while somebody scrolls keeps its stream. */
const LEAVE_AFTER_MS = 1_500;

function useIsOnScreen(target: HTMLElement | null): boolean {
  const [isOnScreen, setOnScreen] = useState(false);
  useEffect(() => {
    if (target === null) return;
    let leaving: ReturnType<typeof setTimeout> | undefined;
    const observer = new IntersectionObserver(
      (entries) => {
        clearTimeout(leaving);
        if (entries.at(-1)?.isIntersecting === true) setOnScreen(true);
        else leaving = setTimeout(() => setOnScreen(false), LEAVE_AFTER_MS);
      },
      { threshold: 0.15 },
    );
    observer.observe(target);
    return () => {
      clearTimeout(leaving);
      observer.disconnect();
    };
  }, [target]);
  return isOnScreen;
}

function useIsTabVisible(): boolean {
  const [isVisible, setVisible] = useState(() => document.visibilityState === 'visible');
  useEffect(() => {
    const changed = (): void => setVisible(document.visibilityState === 'visible');
    document.addEventListener('visibilitychange', changed);
    return () => document.removeEventListener('visibilitychange', changed);
  }, []);
  return isVisible;
}

export interface Stream {
  state: StreamState;
  /** `ref` callbacks of the elements, and the elements once they are there. */
  attachFrame: (element: HTMLDivElement | null) => void;
  attachVideo: (element: HTMLVideoElement | null) => void;
  attachCanvas: (element: HTMLCanvasElement | null) => void;
  attachImage: (element: HTMLImageElement | null) => void;
  frame: HTMLDivElement | null;
  video: HTMLVideoElement | null;
  play: () => void;
  retry: () => void;
}

export interface StreamWish {
  /** `site/camera` */
  camera: string;
  /** False while the camera certainly has no picture: nothing is asked for then. */
  isAvailable: boolean;
  /** The camera says that it has a picture; turning true ends the wait for the next try. */
  isLive: boolean;
}

export function useStream({ camera, isAvailable, isLive }: StreamWish): Stream {
  const [frame, attachFrame] = useState<HTMLDivElement | null>(null);
  const [video, attachVideo] = useState<HTMLVideoElement | null>(null);
  const [canvas, attachCanvas] = useState<HTMLCanvasElement | null>(null);
  const [image, attachImage] = useState<HTMLImageElement | null>(null);
  const player = useRef<StreamPlayer | undefined>(undefined);
  const [store] = useState(() => createStore(IDLE_STREAM));
  const state = useStore(store, (value) => value);
  const isOnScreen = useIsOnScreen(frame);
  const isTabVisible = useIsTabVisible();
  const isConnected = useFleet(({ connection }) => connection === 'open');
  const isWanted = isOnScreen && isTabVisible && isAvailable;

  useEffect(() => {
    if (!isWanted || video === null || canvas === null || image === null) return;
    const started = new StreamPlayer({ camera, video, canvas, image, state: store });
    player.current = started;
    started.start();
    return () => {
      player.current = undefined;
      started.close();
    };
  }, [camera, isWanted, video, canvas, image, store]);

  // The server that comes back finds its agents again before this page hears of them: that it is back is a reason by itself.
  const isWorthRetrying = isLive && isConnected;
  useEffect(() => {
    if (isWorthRetrying) player.current?.retryNow();
  }, [isWorthRetrying]);

  return {
    state,
    attachFrame,
    attachVideo,
    attachCanvas,
    attachImage,
    frame,
    video,
    play: () => player.current?.play(),
    retry: () => player.current?.retryNow(),
  };
}
