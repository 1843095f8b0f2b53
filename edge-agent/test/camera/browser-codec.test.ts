import { expect, it } from 'vitest';
import { isBrowserCodec } from '../../src/camera/browser-codec.ts';

it.each([
  ['avc1.42c01f', true],
  ['avc1.4d401f', true],
  ['avc3.640028', true],
  ['avc1.6e001f', false],
  ['avc1.7a001f', false],
  ['avc1.f4001f', false],
  ['hev1', false],
  ['mp4v.6c', false],
  ['', false],
])('isBrowserCodec(%j) is %j', (codec, expected) => {
  expect(isBrowserCodec(codec)).toBe(expected);
});
