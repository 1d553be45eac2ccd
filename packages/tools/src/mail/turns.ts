const ATTEMPTS = 8;
const tails = new Map<string, Promise<unknown>>();

/**
 * Does work on a thing one after the other within this process, and again when a file went away under it: another replica
 * has renamed it in between. Only for work whose one change is an atomic rename.
 */
export function inTurn<T>(thing: string, work: () => Promise<T>): Promise<T> {
  const before = tails.get(thing) ?? Promise.resolve();
  const result = before.then(() => again(work));
  const tail = result.catch(() => undefined);
  tails.set(thing, tail);
  void tail.then(() => {
    if (tails.get(thing) === tail) tails.delete(thing);
  });
  return result;
}

async function again<T>(work: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await work();
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT" || attempt === ATTEMPTS) throw error;
    }
  }
}
