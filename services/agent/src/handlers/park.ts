import type { PipeValue, WorkerLine } from "@bulkhead/schemas";
import type { TaskRun } from "../run/task-run.ts";

export async function park(run: TaskRun, line: Extract<WorkerLine, { kind: "park" }>): Promise<PipeValue> {
  run.contents.check(line.snapshot);
  const snapshot = { ...line.snapshot, used: { ...run.used } };
  const waitingFor = line.waitingFor.map(({ step, index }) => `${run.task}.${step}.${index}`);
  const { lease, version } = run.keeper;
  const { parked } = await run.keeper.close(() =>
    run.host.bus.request("park", { lease, version, snapshot, waitingFor }),
  );
  if (parked) run.end({ kind: "parked" });
  else run.keeper.schedule();
  return { kind: "park", parked };
}
