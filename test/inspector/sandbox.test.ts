import { createServer } from "node:http";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { systemClock } from "oneup-lifecycle";
import { describe, expect, it } from "vitest";
import { sandboxOf, changeSandbox } from "../../src/inspector/sandbox-view.ts";
import { afterwards, scene } from "../support/scene.ts";
import { opened, openedOn } from "./support.ts";

describe("the inspector's sandbox", () => {
  it("shows clock, faults to come and the last calls of the sandbox that the calls go to", async () => {
    const { sandbox, server, open } = await scene();
    const lifecycle = await open();
    sandbox.fail({ call: "refreshToken", status: 503, times: Infinity });
    await lifecycle.onboard("ada@example.org");
    const view = await openedOn({ lifecycle });
    expect((await view.ask("overview")).body.sandbox).toBe(true);
    const { body } = await view.ask("sandbox");
    expect(body).toMatchObject({
      url: server.url,
      running: true,
      faults: [{ what: "HTTP 503", call: "refreshToken", left: null }],
      calls: [
        { n: 2, call: "exchangeCode", user: "ada@example.org", status: 200, outcome: "tokens", fault: null },
        { n: 1, call: "createUser", user: "ada@example.org", status: 200, outcome: "created", fault: null },
      ],
    });
    expect(Math.abs(body.aheadMs)).toBeLessThan(60_000);
    expect(JSON.stringify(body)).not.toContain("secret");
  });

  it("masks ids where they are masked", async () => {
    const { open } = await scene();
    const lifecycle = await open();
    await lifecycle.onboard("ada@example.org");
    const view = await openedOn({ lifecycle }, { maskIds: true });
    const { text } = await view.ask("sandbox");
    expect(text).toContain("a…@example.org");
    expect(text).not.toContain("ada@");
  });

  it("is not there for a lifecycle whose calls leave this machine", async () => {
    const view = await opened();
    expect(sandboxOf(view.world.lifecycle, systemClock)).toBeNull();
    expect((await view.ask("overview")).body.sandbox).toBe(false);
    expect((await view.ask("sandbox")).status).toBe(503);
  });

  it("sends a server on this machine that is no sandbox nothing but a question", async () => {
    const heard: string[] = [];
    const server = createServer(({ method, url }, response) => {
      heard.push(`${method} ${url}`);
      response.end(JSON.stringify([{ path: "/v1/" }]));
    });
    await once(server.listen(0, "127.0.0.1"), "listening");
    afterwards(() => void server.close());
    const { port } = server.address() as AddressInfo;
    const url = `http://127.0.0.1:${port}`;
    const { open } = await scene();
    const lifecycle = await open({ endpoints: { api: url, auth: url } });
    const view = await openedOn({ lifecycle });
    expect((await view.ask("overview")).body.sandbox).toBe(false);
    expect((await view.ask("sandbox")).status).toBe(503);
    const asked = changeSandbox(sandboxOf(lifecycle, systemClock), { change: "clearFaults" });
    await expect(asked).rejects.toMatchObject({ code: "UNAVAILABLE" });
    expect(new Set(heard)).toEqual(new Set(["GET /_sandbox/"]));
  });

  it("can be moved, made to fail, and cleared", async () => {
    const { sandbox, open } = await scene();
    const lifecycle = await open();
    await lifecycle.onboard("ada");
    const control = sandboxOf(lifecycle, systemClock);
    const change = (told: object): Promise<void> => changeSandbox(control, { ...told });
    const before = sandbox.clock.now();
    await change({ change: "advance", ms: 7_200_000 });
    expect(sandbox.clock.now()).toBeGreaterThanOrEqual(before + 7_200_000);
    await change({ change: "fail", fault: "rateLimited", call: "createUser", times: 3 });
    expect(sandbox.faults()).toMatchObject([{ response: "rateLimited", call: "createUser", times: 3 }]);
    await change({ change: "clearFaults" });
    expect(sandbox.faults()).toEqual([]);
    await change({ change: "spend", calls: 100 });
    await change({ change: "revoke", appUserId: "ada" });
    await expect(lifecycle.fhir("ada", "r4").search("Patient")).resolves.toBeDefined();
    const bad = [{ change: "reset" }, { change: "advance" }, { change: "fail", fault: "nope" }, {}];
    for (const told of [...bad, { change: "fail", fault: "noCode", call: "exchangeCode", times: 0 }])
      await expect(change(told)).rejects.toMatchObject({ code: "INVALID_OPTION" });
    await expect(change({ change: "revoke", appUserId: "eve" })).rejects.toThrow("eve");
  });

  it("is changed by its page alone, once for each press, and by a person who may", async () => {
    const { sandbox, open } = await scene();
    const lifecycle = await open();
    const may = await openedOn({ lifecycle }, { actions: ["sandbox"] });
    const mayNot = await openedOn({ lifecycle }, { actions: ["retry", "hold"] });
    const clear = { change: "fail", fault: "unavailable", times: 2 };
    expect((await may.ask("me")).body.may).toEqual(["sandbox"]);
    expect((await mayNot.act(clear, {}, "sandbox/change")).body.error).toMatchObject({
      code: "NOT_ALLOWED",
      message: "Cannot do this: you may not control the sandbox here; nothing was done",
    });
    expect((await may.ask("sandbox/change", clear)).status).toBe(403);
    expect((await may.act(clear, { origin: "http://evil.example" }, "sandbox/change")).status).toBe(403);
    expect((await may.act(clear, { "x-inspector-token": "made-up" }, "sandbox/change")).status).toBe(403);
    expect((await may.act({ ...clear, fault: "nope" }, {}, "sandbox/change")).status).toBe(400);
    expect(sandbox.faults()).toEqual([]);
    const once = "0123456789abcdef";
    for (let press = 0; press < 3; press++)
      expect((await may.act({ ...clear, once }, {}, "sandbox/change")).status).toBe(200);
    expect(sandbox.faults()).toMatchObject([{ status: 503, times: 2 }]);
    const other = { change: "clearFaults", once };
    expect((await may.act(other, {}, "sandbox/change")).status).toBe(409);
    expect((await may.act({ action: "hold" })).body.error.code).toBe("NOT_ALLOWED");
  });
});
