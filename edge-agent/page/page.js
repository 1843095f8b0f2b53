// The page: login, tiles, and one stream with all cameras that are shown.

import { canPlay, Player } from './player.js';
import { fillWords, switchLanguage, word } from './words.js';

const LIST_EVERY_MS = 3_000;
const STILL_EVERY_MS = 1_000;
const RETRY_MS = 2_000;
const CONFIRM_EVERY_MS = 400;
const HEADER_BYTES = 8;
const [START, INIT, FRAGMENT, TROUBLE] = [1, 2, 3, 4];

const element = (id) => document.getElementById(id);
const tiles = new Map();
let cameras = [];
let chosen;
let stream;
let timers = [];

async function ask(path, body) {
  const options =
    body === undefined
      ? {}
      : { method: 'POST', body: JSON.stringify(body), headers: { 'content-type': 'application/json' } };
  const response = await fetch(path, options);
  if (response.status === 401 && path !== '/login') showLogin();
  return response;
}

function showLogin() {
  stop();
  element('login').hidden = false;
  element('password').focus();
}

async function logIn(event) {
  event.preventDefault();
  const input = element('password');
  const response = await ask('/login', { password: input.value }).catch(() => undefined);
  input.value = '';
  if (response?.ok) return void start();
  const answer = await response?.json().catch(() => undefined);
  const seconds = Math.ceil((answer?.error?.retryAfterMs ?? 0) / 1000);
  const texts = { 401: 'wrongPassword', 429: 'tooManyGuesses' };
  element('login-trouble').textContent = word(texts[response?.status] ?? 'noConnection', { seconds });
}

async function start() {
  const response = await ask('/cameras').catch(() => undefined);
  if (response?.status === 401) return;
  if (!response?.ok) {
    element('trouble').textContent = word('noConnection');
    return void setTimeout(start, RETRY_MS);
  }
  element('login').hidden = true;
  element('logout').hidden = false;
  element('login-trouble').textContent = '';
  timers = [setInterval(updateList, LIST_EVERY_MS), setInterval(updateStills, STILL_EVERY_MS)];
  takeList((await response.json()).cameras);
  show(undefined);
}

function stop() {
  stream?.abort();
  stream = undefined;
  for (const timer of timers) clearInterval(timer);
  timers = [];
  for (const tile of tiles.values()) tile.remove();
  tiles.clear();
  for (const id of ['logout', 'single']) element(id).hidden = true;
}

async function updateList() {
  const response = await ask('/cameras').catch(() => undefined);
  if (response?.ok && timers.length > 0) takeList((await response.json()).cameras);
}

function takeList(list) {
  cameras = list;
  element('trouble').textContent = list.length === 0 ? word('noCameras') : '';
  for (const camera of list) {
    const tile = tiles.get(camera.id) ?? new Tile(camera);
    tiles.set(camera.id, tile);
    tile.tell(camera);
  }
}

function updateStills() {
  for (const tile of tiles.values()) void tile.updateStill();
}

/** One camera, or all of them. */
function show(id) {
  chosen = id;
  const isSingle = id !== undefined;
  element('cameras').classList.toggle('single', isSingle);
  element('single').hidden = !isSingle;
  for (const [camera, tile] of tiles) tile.setShown(!isSingle || camera === id);
  void watch();
}

async function watch() {
  stream?.abort();
  const own = new AbortController();
  stream = own;
  const ids = cameras.map(({ id }) => id).filter((id) => chosen === undefined || id === chosen);
  while (!own.signal.aborted && ids.length > 0) {
    try {
      await readStream(ids, own.signal);
    } catch {
      // Told by the tiles; tried again.
    }
    if (own.signal.aborted) return;
    for (const id of ids) tiles.get(id)?.endVideo();
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
  }
}

async function readStream(ids, signal) {
  const query = new URLSearchParams(ids.map((id) => ['camera', id]));
  const response = await fetch(`/live?${query}`, { signal });
  if (response.status === 401) return showLogin();
  element('trouble').textContent = response.status === 429 ? word('tooManyViewers') : '';
  if (!response.ok) return;
  const viewer = response.headers.get('x-viewer');
  let received = 0;
  const confirming = setInterval(
    () => void ask(`/viewers/${viewer}`, { bytes: received }).catch(() => {}),
    CONFIRM_EVERY_MS,
  );
  try {
    await readFrames(response.body.getReader(), (kind, index, bytes) => {
      received += HEADER_BYTES + bytes.length;
      tiles.get(ids[index])?.take(kind, bytes);
    });
  } finally {
    clearInterval(confirming);
  }
}

async function readFrames(reader, onFrame) {
  let rest = new Uint8Array(0);
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    rest = joined(rest, value);
    for (;;) {
      if (rest.length < HEADER_BYTES) break;
      const end = HEADER_BYTES + new DataView(rest.buffer, rest.byteOffset).getUint32(4);
      if (rest.length < end) break;
      onFrame(rest[0], rest[1], rest.slice(HEADER_BYTES, end));
      rest = rest.subarray(end);
    }
  }
}

function joined(first, second) {
  if (first.length === 0) return second;
  const both = new Uint8Array(first.length + second.length);
  both.set(first);
  both.set(second, first.length);
  return both;
}

class Tile {
  #camera;
  #root = document.createElement('button');
  #picture = document.createElement('div');
  #video = document.createElement('video');
  #image = document.createElement('img');
  #name = document.createElement('span');
  #state = document.createElement('span');
  #player;
  #isShown = true;
  #isBusy = false;

  constructor(camera) {
    this.#camera = camera;
    this.#root.type = 'button';
    this.#root.className = 'camera';
    this.#root.dataset.camera = camera.id;
    this.#picture.className = 'picture';
    Object.assign(this.#video, { muted: true, playsInline: true, autoplay: true });
    this.#image.alt = '';
    const caption = document.createElement('div');
    caption.className = 'caption';
    this.#name.className = 'name';
    this.#state.className = 'state';
    caption.append(this.#name, this.#state);
    this.#picture.append(this.#image, this.#video);
    this.#root.append(this.#picture, caption);
    this.#root.addEventListener('click', () => show(chosen === camera.id ? undefined : camera.id));
    element('cameras').append(this.#root);
    this.endVideo();
  }

  tell(camera) {
    this.#camera = camera;
    this.#name.textContent = camera.name;
    const isLive = camera.state === 'live';
    const size = camera.width === null ? '' : ` · ${camera.width}×${camera.height}`;
    const state = isLive && !this.#player ? 'stills' : camera.state;
    this.#state.textContent = word(state) + (isLive ? size : '');
    this.#root.dataset.state = state;
  }

  setShown(isShown) {
    this.#isShown = isShown;
    this.#root.hidden = !isShown;
    if (!isShown) this.endVideo();
  }

  take(kind, bytes) {
    if (kind === START) this.#startVideo(JSON.parse(new TextDecoder().decode(bytes)).mime);
    else if (kind === TROUBLE) this.endVideo();
    else if (kind === INIT || kind === FRAGMENT) this.#player?.push(bytes);
  }

  #startVideo(mime) {
    this.endVideo();
    if (!canPlay(mime)) return;
    this.#player = new Player(this.#video, mime, () => this.endVideo());
    this.#video.hidden = false;
    this.tell(this.#camera);
  }

  endVideo() {
    this.#player?.close();
    this.#player = undefined;
    this.#video.hidden = true;
    this.tell(this.#camera);
  }

  /** What is shown where no video plays: the newest keyframe. */
  async updateStill() {
    if (this.#player || !this.#isShown || this.#isBusy || document.hidden) return;
    if (this.#camera.state !== 'live') return;
    this.#isBusy = true;
    try {
      const response = await ask(`/stills/${this.#camera.id}`);
      if (response.ok) this.#setImage(URL.createObjectURL(await response.blob()));
    } catch {
      // The next one, then.
    }
    this.#isBusy = false;
  }

  #setImage(url) {
    const old = this.#image.src;
    this.#image.src = url;
    if (old) URL.revokeObjectURL(old);
  }

  setGrid(isOn) {
    this.#picture.classList.toggle('with-grid', isOn);
  }

  remove() {
    this.endVideo();
    this.#root.remove();
  }
}

element('login').addEventListener('submit', (event) => void logIn(event));
element('back').addEventListener('click', () => show(undefined));
element('language').addEventListener('click', () => {
  switchLanguage();
  takeList(cameras);
});
element('grid').addEventListener('click', ({ currentTarget }) => {
  const isOn = currentTarget.getAttribute('aria-pressed') !== 'true';
  currentTarget.setAttribute('aria-pressed', String(isOn));
  for (const tile of tiles.values()) tile.setGrid(isOn);
});
element('logout').addEventListener('click', () => void ask('/logout', {}).finally(showLogin));
document.addEventListener('visibilitychange', () => {
  if (timers.length === 0) return;
  if (document.hidden) stream?.abort();
  else void watch();
});
fillWords();
void start();
