/** The pinned servers of the embedded ground (design §8). The cache is keyed by these. */
export const VERSIONS = {
  natsServerBin: "2.15.1",
  secantusDb: "0.7.0b3",
  secantusMdb: "0.5.3-beta.196",
} as const;

/** The oldest NATS server that has message schedules and all that the streams ask for. */
export const OLDEST_NATS = [2, 12] as const;
