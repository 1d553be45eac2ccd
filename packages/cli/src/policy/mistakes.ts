/** Where something stands: lines and columns count from 1. */
export interface Place {
  readonly file: string;
  readonly line: number;
  readonly col: number;
}

/** One thing that is wrong in a project, where, and what to do about it. `code` is stable. */
export interface Mistake extends Place {
  readonly code: MistakeCode;
  readonly message: string;
  readonly suggestion?: string;
}

/** Everything that `check` can find. */
export type MistakeCode =
  | "yaml.syntax"
  | "yaml.duplicate-key"
  | "file.missing"
  | "key.unknown"
  | "key.missing"
  | "value.invalid"
  | "secret.in-file"
  | "agent.unknown"
  | "connection.kind"
  | "connection.settings"
  | "credential.missing"
  | "credential.mode"
  | "model.endpoint"
  | "model.price"
  | "model.unknown"
  | "operator.unknown"
  | "operator.approver"
  | "operator.admin"
  | "grant.approvals"
  | "grant.window"
  | "outside.toolset"
  | "limit.sum"
  | "limit.tool"
  | "rule.cedar"
  | "tier.adapter"
  | "tier.effect"
  | "tier.exception"
  | "tier.expired"
  | "tier.rehearsal"
  | "tier.rollback"
  | "time.zone"
  | "tool.broken"
  | "tool.duplicate"
  | "tool.unknown";

/** `bulkhead.yaml:12:7  tool.unknown  There is no tool …` and the suggestion below it. */
export function formatMistake({ file, line, col, code, message, suggestion }: Mistake): string {
  const head = `${file}:${line}:${col}  ${code}  ${message}`;
  return suggestion === undefined ? head : `${head}\n    → ${suggestion}`;
}

/** The name closest to `wrong`, if one is close enough to be meant. */
export function closest(wrong: string, names: Iterable<string>): string | undefined {
  const limit = Math.max(2, Math.floor(wrong.length / 3));
  const rated = [...names].map((name) => ({ name, steps: distance(wrong.toLowerCase(), name.toLowerCase()) }));
  return rated.filter(({ steps }) => steps <= limit).sort((a, b) => a.steps - b.steps)[0]?.name;
}

/** `Did you mean "x"?`, or the names that there are. */
export function didYouMean(wrong: string, names: readonly string[]): string {
  const near = closest(wrong, names);
  if (near !== undefined) return `Did you mean "${near}"?`;
  return names.length === 0 ? "There are none yet." : `There are: ${[...names].sort().slice(0, 30).join(", ")}.`;
}

/** Levenshtein's distance, in which two neighbours that changed places count once. */
function distance(a: string, b: string): number {
  let before: number[] = [];
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const same = a[i - 1] === b[j - 1];
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      const steps = Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, (row[j - 1] ?? 0) + (same ? 0 : 1));
      next.push(swapped ? Math.min(steps, (before[j - 2] ?? 0) + 1) : steps);
    }
    [before, row] = [row, next];
  }
  return row[b.length] ?? 0;
}
