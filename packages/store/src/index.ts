export { type Changes, type CollectionPort, type FindOptions, type Inserted, type InsertedAll } from "./collection.ts";
export { connectStore, type Store, type StoreConfig } from "./connect.ts";
export { Condition, exists, type Filter, gt, gte, lt, lte, ne, oneOf } from "./filter.ts";
export { type Database, type DatabaseOptions, startDatabase } from "./ground.ts";
export { type AdminAccess, type DatabasePlan, planFor, provisionDatabases } from "./provision.ts";
export { type ForeignDatabase, type StoreRole } from "./rights.ts";
