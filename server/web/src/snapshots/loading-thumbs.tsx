// In the place of thumbnails that are on their way.

import { useText } from '../state/hooks.ts';
import { Skeleton } from '../ui/primitives.tsx';

export function LoadingThumbs() {
  const t = useText();
  return (
    <div className="thumbs" role="status" aria-label={t('common.loading')}>
      {Array.from({ length: 12 }, (_, index) => (
        <Skeleton key={index} className="thumb-skeleton" />
      ))}
    </div>
  );
}
