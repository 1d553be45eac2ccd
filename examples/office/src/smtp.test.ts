import { createTransport } from "nodemailer";
import { expect, test } from "vitest";
import { headerOf, openPostOffice } from "./smtp.ts";

const account = { user: "office", password: "a long one" };
const mail = {
  from: "office@example.org",
  to: "ana@example.net",
  subject: "Re: hello",
  text: "Good day.",
  headers: { "x-id": "e1" },
};

test("keeps what it receives, with headers", async () => {
  await using office = await openPostOffice(account);
  const transport = createTransport({
    host: "127.0.0.1",
    port: office.port,
    auth: { user: account.user, pass: account.password },
  });
  await transport.sendMail(mail);
  expect(office.received.map(({ to }) => to)).toEqual([["ana@example.net"]]);
  const [first] = office.received;
  expect(first && headerOf(first, "X-Id")).toBe("e1");
});

test("refuses whoever does not know the password", async () => {
  await using office = await openPostOffice(account);
  const transport = createTransport({ host: "127.0.0.1", port: office.port, auth: { user: "office", pass: "guess" } });
  await expect(transport.sendMail(mail)).rejects.toThrow(/Invalid login/);
  expect(office.received).toEqual([]);
});
