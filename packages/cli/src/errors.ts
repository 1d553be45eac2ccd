/** Exit codes of the `bulkhead` command. */
export const EXIT = {
  ok: 0,
  /** Something failed while running. */
  failed: 1,
  /** The command line, the file or the policy is wrong: nothing was started. */
  usage: 2,
  /** The other side said no: a refused, denied or unknown thing. */
  refused: 3,
  /** Stopped by Ctrl-C. */
  interrupted: 130,
} as const;

/** A failure that a person can mend: one sentence that says how, and the exit code. It is printed without a stack. */
export class CliError extends Error {
  override readonly name = "CliError";
  readonly exitCode: number;

  constructor(sentence: string, exitCode: number = EXIT.failed, options?: ErrorOptions) {
    super(sentence, options);
    this.exitCode = exitCode;
  }
}
