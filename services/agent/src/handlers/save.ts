import type { PipeValue, WorkerLine } from "@bulkhead/schemas";
import type { TaskRun } from "../run/task-run.ts";

export async function save(run: TaskRun, { snapshot }: Extract<WorkerLine, { kind: "save" }>): Promise<PipeValue> {
  run.contents.check(snapshot);
  await run.keeper.save({ ...snapshot, used: { ...run.used } });
  for (const { step } of snapshot.turns) run.unsaved.delete(step);
  return { kind: "save" };
}
