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
  /** The embedded servers' data. */
  readonly dataDir: string;
  readonly bundlesDir: string;
  readonly configsDir: string;
  readonly logsDir: string;
  readonly signedPolicyFile: string;
  /** Which tools were done and undone, and which version of them. */
  readonly rehearsalsFile: string;
  /** The public key that the policy must be signed with. */
  readonly adminKeyFile: string;
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
    dataDir: join(state, "data"),
    bundlesDir: join(state, "bundles"),
    configsDir: join(state, "configs"),
    logsDir: join(state, "run", "logs"),
    rehearsalsFile: join(state, "rehearsals.json"),
    signedPolicyFile: join(state, "policy.signed.json"),
    adminKeyFile: join(state, "admin.pub"),
    endpointFile: join(state, "run", "endpoint.json"),
  };
}

/** Makes the folders that hold secrets or state, readable by their owner alone. */
export async function makeStateFolders(project: Project): Promise<void> {
  const { stateDir, keysDir, runDir, dataDir, bundlesDir, configsDir, logsDir } = project;
  for (const dir of [stateDir, keysDir, runDir, dataDir, bundlesDir, configsDir, logsDir]) {
    await mkdir(dir, { recursive: true, mode: 0o700 });
  }
}

/** Where an identity's secrets lie. */
export function keyFile(project: Project, identity: string): string {
  return join(project.keysDir, `${identity}.json`);
}
