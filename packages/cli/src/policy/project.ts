import { mkdir } from "node:fs/promises";
import { join, resolve } from "node:path";

/** The places of a user's project folder. */
export interface Project {
  readonly dir: string;
  readonly policyFile: string;
  readonly toolsDir: string;
  readonly credentialsDir: string;
  /** `.bulkhead`, mode 0700: everything that the runtime makes. */
  readonly stateDir: string;
  readonly keysDir: string;
  readonly runDir: string;
  readonly bundlesDir: string;
  readonly configsDir: string;
  readonly logsDir: string;
  readonly signedPolicyFile: string;
  /** Written by `up`: where the running constellation is reached. */
  readonly endpointFile: string;
}

/** The places below a project folder. Nothing is read or made. */
export function projectAt(dir: string): Project {
  const root = resolve(dir);
  const state = join(root, ".bulkhead");
  return {
    dir: root,
    policyFile: join(root, "bulkhead.yaml"),
    toolsDir: join(root, "tools"),
    credentialsDir: join(root, "credentials"),
    stateDir: state,
    keysDir: join(state, "keys"),
    runDir: join(state, "run"),
    bundlesDir: join(state, "bundles"),
    configsDir: join(state, "configs"),
    logsDir: join(state, "run", "logs"),
    signedPolicyFile: join(state, "policy.signed.json"),
    endpointFile: join(state, "run", "endpoint.json"),
  };
}

/** Makes the folders that hold secrets or state, readable by their owner alone. */
export async function makeStateFolders(project: Project): Promise<void> {
  for (const dir of [project.stateDir, project.keysDir, project.runDir, project.bundlesDir, project.configsDir, project.logsDir]) {
    await mkdir(dir, { recursive: true, mode: 0o700 });
  }
}

/** Where an identity's secrets lie. */
export function keyFile(project: Project, identity: string): string {
  return join(project.keysDir, `${identity}.json`);
}
