export { type ConnectOptions, connectBus } from "./connect.ts";
export type { DialOptions } from "./dial.ts";
export { busPublicKey, createBusKey } from "./keys.ts";
export type { BusEvent } from "./link.ts";
export { MAX_MESSAGE_BYTES, type NatsConfigOptions, natsConfig } from "./nats-config.ts";
export type { Participants } from "./participants.ts";
export { type Permissions, PROVISIONER, permissionsOf } from "./permissions.ts";
export type {
  BroadcastName,
  Bucket,
  BucketEntry,
  Bus,
  ConsumeOptions,
  Heard,
  OpenedMessage,
  Published,
  PublishOptions,
  Received,
  RequestName,
  RequestOptions,
  ServeOptions,
  StreamContract,
  StreamMessage,
  SubjectValues,
} from "./port.ts";
export { type Probe, probePermissions } from "./probe.ts";
export { type ProvisionOptions, provisionBus } from "./provision.ts";
export { type NatsServer, type ServerFolders, type StartNatsOptions, startNats } from "./server.ts";
export { deliverSubject, streamPlans } from "./streams.ts";
export { isLoopback, needsTls } from "./url.ts";
