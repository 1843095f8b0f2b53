import { describe, expect, it } from 'vitest';
import { Camera } from '../../src/camera/camera.ts';
import { LiveCamera } from '../../src/camera/live-camera.ts';
import { privacyMasks } from '../../src/camera/privacy-masks.ts';
import { FULL_OFFER, offerOf, type Offer } from '../../src/uplink/offer.ts';
import { RUNGS } from '../../src/uplink/uplink-ladder.ts';
import { ManualClock, silentLogger } from '../support.ts';
import { modernFfmpeg, scriptedEncoders } from './encoder/samples.ts';

function liveCamera(offer: () => Offer, { isMasked = false, hasSubStream = false } = {}): LiveCamera {
  const masks = privacyMasks(isMasked ? [{ x: 0, y: 0, width: 0.5, height: 0.5 }] : []);
  const open = (): Camera =>
    new Camera({
      id: 'front',
      name: 'Front door',
      source: 'demo:front',
      ffmpeg: modernFfmpeg,
      runDir: '/nonexistent',
      masks,
      logger: silentLogger,
    });
  const { encoders } = scriptedEncoders(new ManualClock());
  const createSubStream = hasSubStream ? open : undefined;
  return new LiveCamera({ camera: open(), encoders, offer, createSubStream, logger: silentLogger });
}

describe('The report of a camera', () => {
  it('names all profiles, and no limit, while the uplink carries all', () => {
    const report = liveCamera(() => FULL_OFFER).report();
    expect(report).toMatchObject({
      profiles: ['main', 'low', 'mpeg1', 'stills'],
      encoded: ['low', 'mpeg1'],
    });
    expect(report).not.toHaveProperty('limitedBy');
  });

  it('names those that the uplink carries now, and why they are fewer', () => {
    let offer = offerOf(RUNGS[1]!, 'all');
    const camera = liveCamera(() => offer, { isMasked: true });
    expect(camera.report()).toMatchObject({
      profiles: ['low', 'mpeg1', 'stills'],
      encoded: ['low', 'mpeg1'],
      limitedBy: 'uplink-slow',
    });
    offer = offerOf(RUNGS[1]!, 'events');
    expect(camera.report()).toMatchObject({ profiles: [], encoded: [], limitedBy: 'data-budget' });
  });

  it('says that a second stream has to be encoded once it must be smaller', () => {
    let offer = offerOf(RUNGS[1]!, 'all');
    const camera = liveCamera(() => offer, { hasSubStream: true });
    expect(camera.report().encoded).toEqual(['mpeg1']);
    offer = offerOf(RUNGS[2]!, 'all');
    expect(camera.report().encoded).toEqual(['low', 'mpeg1']);
  });
});
