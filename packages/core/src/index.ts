export { type Clock, type ManualClock, manualClock, systemClock } from "./clock.ts";
export { type Digest, digest, digestBytes, digestText, sameDigest } from "./digest.ts";
export { type Disposition, ERROR_CODES, type ErrorCode, type ErrorCodeEntry, isErrorCode } from "./error-codes.ts";
export { asBulkheadError, BulkheadError, fromWire, isBulkheadError, toWire, type WireError } from "./errors.ts";
export { escapeControl } from "./escape.ts";
export { derivedId, type IdSource, idSource, isToken, newId, token } from "./ids.ts";
export { canonical, decodeUtf8, type JsonLimits, parseJson } from "./json.ts";
export {
  generateIdentity,
  type Identity,
  identitySchema,
  readIdentity,
  readSecretFile,
  writeIdentity,
} from "./keys.ts";
export {
  type Envelope,
  envelopeSchema,
  keyText,
  newSeed,
  type Opened,
  type OpenOptions,
  open,
  REQUEST_MAX_AGE_MS,
  type SigningKey,
  type SignOptions,
  sign,
  signingKey,
  verifyText,
} from "./signatures.ts";
