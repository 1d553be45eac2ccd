/** One effect, as somebody outside of the house wrote it down. Without `effect` it names none. */
export interface OutsideEntry {
  readonly effect: string | undefined;
  /** Epoch milliseconds. */
  readonly at: number;
  /** Tells entries without an effect apart. */
  readonly place: string;
}

/** What somebody outside of the house says that a tool set did. */
export interface OutsideRecord {
  readonly toolset: string;
  /** What is written down from a time on. Fails when it cannot be read: then nothing is known. */
  since(at: number): Promise<readonly OutsideEntry[]>;
}
