import { expect, test } from "vitest";
import { isLoopback, needsTls } from "./url.ts";

test("plaintext is for loopback only (ZT-07)", () => {
  for (const url of ["nats://127.0.0.1:4222", "nats://localhost:4222", "nats://[::1]:4222"])
    expect(needsTls(url)).toBe(false);
  expect(needsTls("tls://bus.example.org:4222")).toBe(true);
  for (const url of ["nats://bus.example.org", "nats://10.0.0.1", "nats://127.0.0.1.evil.example", "nats://0.0.0.0"])
    expect(() => needsTls(url)).toThrow("TLS only");
  for (const url of ["", "http://127.0.0.1", "nats://user:secret@127.0.0.1:4222", "bus"])
    expect(() => needsTls(url)).toThrow(/bus URL/);
  expect(isLoopback("127.0.0.1.example.org")).toBe(false);
});
