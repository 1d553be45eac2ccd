/** A refusal or failure that came over the pipe. `code` is one of the closed table in `packages/core`. */
export class PipeError extends Error {
  override readonly name = "PipeError";
  /** The stable code. */
  readonly code: string;

  constructor(code: string, message: string = code) {
    super(message);
    this.code = code;
  }
}
