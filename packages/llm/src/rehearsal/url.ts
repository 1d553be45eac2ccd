/**
 * The address that stands for the rehearsal model in a signed policy: only a policy that names it can be answered by it. Where
 * the model listens is the business of whoever starts it.
 */
export const REHEARSAL_URL = "http://rehearsal.localhost/v1";
