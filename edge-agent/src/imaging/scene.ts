// What one small picture is like: how bright, how rich in edges, and where its edges are.

import { LUMA_HEIGHT, LUMA_WIDTH, type Luma } from '../camera/luma.ts';

export interface Scene {
  mean: number;
  /** Standard deviation of the brightness. */
  deviation: number;
  /** All but one in fifty are darker: a lamp alone does not make a picture bright. */
  bright: number;
  /** Strength of the edge at each place, row by row; noise is 0. */
  edges: Float32Array;
  /** How abruptly brightness turns, on average; a step that is spread over some pixels has little of it. */
  sharpness: number;
}

const BRIGHT_SHARE = 0.98;
/** Differences between neighbours that sensor noise and JPEG leave behind, levels of brightness. */
const NOISE = 8;
/** One glaring edge must not outweigh all others. */
const EDGE_MAX = 64;

export function sceneOf(luma: Luma): Scene {
  const { mean, deviation } = spreadOf(luma);
  const edges = edgesOf(luma);
  return { mean, deviation, bright: percentileOf(luma, BRIGHT_SHARE), edges, sharpness: sharpnessOf(luma) };
}

/** Pearson's correlation of two edge maps, -1 to 1; 0 when one of them is flat. */
export function likeness(a: Float32Array, b: Float32Array): number {
  const [meanA, meanB] = [meanOf(a), meanOf(b)];
  let [both, squareA, squareB] = [0, 0, 0];
  for (let i = 0; i < a.length; i += 1) {
    const [offA, offB] = [a[i]! - meanA, b[i]! - meanB];
    both += offA * offB;
    squareA += offA * offA;
    squareB += offB * offB;
  }
  return squareA === 0 || squareB === 0 ? 0 : both / Math.sqrt(squareA * squareB);
}

function spreadOf(luma: Luma): { mean: number; deviation: number } {
  let [sum, squares] = [0, 0];
  for (const value of luma) {
    sum += value;
    squares += value * value;
  }
  const mean = sum / luma.length;
  return { mean, deviation: Math.sqrt(Math.max(0, squares / luma.length - mean * mean)) };
}

function percentileOf(luma: Luma, share: number): number {
  const counts = new Uint32Array(256);
  for (const value of luma) counts[value]! += 1;
  let seen = 0;
  return counts.findIndex((count) => (seen += count) >= share * luma.length);
}

function edgesOf(luma: Luma): Float32Array {
  const edges = new Float32Array(luma.length);
  for (let y = 0; y < LUMA_HEIGHT - 1; y += 1) {
    for (let x = 0; x < LUMA_WIDTH - 1; x += 1) {
      const at = y * LUMA_WIDTH + x;
      const steps = Math.abs(luma[at + 1]! - luma[at]!) + Math.abs(luma[at + LUMA_WIDTH]! - luma[at]!);
      edges[at] = Math.min(EDGE_MAX, Math.max(0, steps - NOISE));
    }
  }
  return edges;
}

/** Mean strength of the second derivative: the first one is as strong in all for a soft edge as for a hard one. */
function sharpnessOf(luma: Luma): number {
  let sum = 0;
  for (let y = 1; y < LUMA_HEIGHT - 1; y += 1) {
    for (let x = 1; x < LUMA_WIDTH - 1; x += 1) {
      const at = y * LUMA_WIDTH + x;
      const around = luma[at - 1]! + luma[at + 1]! + luma[at - LUMA_WIDTH]! + luma[at + LUMA_WIDTH]!;
      sum += Math.min(EDGE_MAX, Math.max(0, Math.abs(4 * luma[at]! - around) - 2 * NOISE));
    }
  }
  return sum / luma.length;
}

function meanOf(values: Float32Array): number {
  let sum = 0;
  for (const value of values) sum += value;
  return sum / values.length;
}
