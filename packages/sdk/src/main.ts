import { runWorker } from "./worker.ts";

void runWorker();
