import { ModelAnswer } from "@bulkhead/schemas";

/** The words of a task's result: a model's last answer is kept as it was recorded, with the calls that it asked for. */
export function answerOf(result: string): string {
  try {
    const parsed = ModelAnswer.safeParse(JSON.parse(result));
    return parsed.success ? parsed.data.text : result;
  } catch {
    return result;
  }
}
