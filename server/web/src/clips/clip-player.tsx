// The picture of a clip that is on the server, with the controls of the browser.

import { useEffect, useRef, useState } from 'react';
import { useErrorSentence, useText } from '../state/hooks.ts';
import { Button, Message } from '../ui/primitives.tsx';
import { clipApi, clipUrl, type Clip } from './clip-api.ts';

/** A list may be older than the last deletion, and a browser may not know the codec of a camera: both are said. */
export function ClipPlayer({ clip }: { clip: Clip }) {
  const t = useText();
  const sentence = useErrorSentence();
  const [failure, setFailure] = useState<unknown>(undefined);
  const [isUnknown, setUnknown] = useState(() => !mayPlay(clip));
  const look = (): void => {
    void clipApi.whyNot(clip.id).then((why) => (why === undefined ? setUnknown(true) : setFailure(why)));
  };
  if (!isUnknown && failure === undefined) return <Video id={clip.id} onFailure={look} />;
  return (
    <div className="viewer__picture viewer__instead" data-testid="clip-unplayable">
      <Message tone="warn">
        {failure === undefined ? t('clips.notPlayable', { codec: clip.codec }) : sentence(failure)}
      </Message>
      {failure === undefined ? null : (
        <Button onClick={() => setFailure(undefined)}>{t('common.retry')}</Button>
      )}
    </div>
  );
}

function mayPlay({ codec }: Clip): boolean {
  return codec === '' || document.createElement('video').canPlayType(`video/mp4; codecs="${codec}"`) !== '';
}

const isCalm = (): boolean => window.matchMedia('(prefers-reduced-motion: reduce)').matches;

function Video({ id, onFailure }: { id: string; onFailure: () => void }) {
  const t = useText();
  const video = useRef<HTMLVideoElement>(null);
  useEffect(() => {
    const element = video.current;
    if (element === null) return;
    element.src = clipUrl(id);
    return () => {
      // The server gives few clips at a time: a video that is only taken off the page keeps its place until it is collected.
      element.removeAttribute('src');
      element.load();
    };
  }, [id]);
  return (
    <video
      ref={video}
      className="viewer__picture"
      controls
      playsInline
      autoPlay={!isCalm()}
      preload="metadata"
      aria-label={t('clips.video')}
      data-testid="clip-video"
      onError={() => {
        if (video.current?.hasAttribute('src') === true) onFailure();
      }}
    />
  );
}
