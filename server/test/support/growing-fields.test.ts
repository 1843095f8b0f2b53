import { expect, it } from 'vitest';
import { growingFields } from './growing-fields.ts';

it('finds what begins empty, by its initialiser', () => {
  expect(
    growingFields(`
      const bySite = new Map<string, Site>();
      let waiting: Job[] = [];
      class Hub { readonly #viewers = new Set<Viewer>(); #jobs = []; #line = new BoundedQueue<Job>(options); }
    `),
  ).toEqual(['#viewers', '#jobs', '#line', 'bySite', 'waiting']);
});

it('finds a list that the constructor sets', () => {
  expect(
    growingFields(`class Upload {
      readonly #chunks: Buffer[];
      readonly #byName: Map<string, Part> | undefined;
      constructor() { this.#chunks = []; this.#byName = new Map(); }
    }`),
  ).toEqual(['#chunks', '#byName']);
});

it('finds a Map that begins with entries', () => {
  expect(growingFields(`class Fleet { #agents = new Map([['a', agent]]); }`)).toEqual(['#agents']);
  expect(growingFields(`const agents = new Map([['a', agent]]);\nagents.set('b', agent);`)).toEqual([
    'agents',
  ]);
});

it('finds bytes that are joined', () => {
  expect(
    growingFields(`class Splitter {
      #rest = Buffer.alloc(0);
      #head: Buffer | undefined;
      take(bytes: Buffer) { this.#rest = Buffer.concat([this.#rest, bytes]); this.#head ??= bytes; }
    }`),
  ).toEqual(['#rest', '#head']);
  expect(
    growingFields(`let rest = Buffer.alloc(0);\nconst f = (b) => { rest = Buffer.concat([rest, b]); };`),
  ).toEqual(['rest']);
});

it('finds a text that grows, and no number that counts', () => {
  expect(
    growingFields(`class Child {
      #stderr = '';
      #stdout: string | undefined;
      #line = '';
      #bytes = 0;
      read(text: string) {
        this.#stderr += text;
        this.#stdout = this.#stdout + '\\n' + text;
        this.#line = \`\${this.#line}\${text}\`;
        this.#bytes += text.length;
      }
    }`),
  ).toEqual(['#stderr', '#stdout', '#line']);
});

it('finds a collection within an object, by its initialiser or by its type', () => {
  expect(
    growingFields(`
      interface Batch { rows: Row[]; bytes: number }
      class Batcher {
        #state = { isOpen: true, queue: [] as Job[] };
        #batch: Batch | undefined;
        #inline: { known: Record<string, number> };
        constructor() { this.#inline = { known: {} }; }
        begin() { this.#batch = emptyBatch(); }
      }
    `),
  ).toEqual(['#state', '#batch', '#inline']);
});

it('finds an object that gets keys, and a borrowed list that is added to', () => {
  expect(
    growingFields(`class Index {
      #byName: Record<string, number> = {};
      readonly #log: string[];
      constructor(log: string[]) { this.#log = log; }
      put(name: string) { this.#byName[name] = 1; this.#log.push(name); }
    }`),
  ).toEqual(['#byName', '#log']);
});

it('follows a type that holds itself', () => {
  expect(
    growingFields(`interface Node { next: Node }\nclass List { #head: Node; set(n) { this.#head = n; } }`),
  ).toEqual([]);
});

it('leaves out what cannot grow through it', () => {
  expect(
    growingFields(`
      const KINDS = ['a', 'b'];
      const BY_KIND = new Map([['a', 1]]);
      const NO_BYTES = Buffer.alloc(0);
      const NAMES = { kinds: [] } as const;
      class Relay {
        readonly #options: RelayOptions;
        readonly #cameras: readonly string[];
        readonly #known: ReadonlyMap<string, Camera>;
        readonly #borrowed: Map<string, Camera>;
        readonly #rate: RateMeter;
        readonly #meter = new RateMeter();
        readonly #sockets = new WeakMap<Socket, number>();
        #name = 'a';
        constructor(options: RelayOptions, cameras: string[]) {
          this.#options = options;
          this.#cameras = [...cameras];
          this.#known = new Map();
          this.#borrowed = options.cameras;
          this.#rate = new RateMeter();
        }
        see(socket: Socket) { this.#rate.add(1); this.#meter.add(1); this.#sockets.set(socket, 1); this.#name = 'b'; }
      }
    `),
  ).toEqual([]);
});
