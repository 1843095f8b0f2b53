// What is asked of a timeline, and what each kind of thing answers.

export interface TimelineQuery {
  site: string;
  /** At or after. */
  from: Date;
  /** Before. */
  to: Date;
  /** Pictures, events and outages of cameras: of this one only. */
  camera?: string | undefined;
  /** Curves, and outages of sensors: of this one only. */
  sensor?: string | undefined;
  /** Of that sensor. */
  metric?: string | undefined;
  /** IANA name; days of counts begin at its midnight. UTC when left out. */
  timeZone?: string | undefined;
}

/** What was left out of an answer, or put together. */
export interface Thinned {
  what: 'pictures' | 'events' | 'curves' | 'outages' | 'cameras';
  /** One stands for each so long a time; null where whole ones are left out. */
  bucketMs: number | null;
  /** Where whole ones are left out. */
  shown: number | null;
  of: number | null;
}

/** Some of the items, and what is not among them. */
export interface Part<Item> {
  items: Item[];
  thinned: Thinned[];
}
